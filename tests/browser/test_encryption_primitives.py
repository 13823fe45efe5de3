"""The page's cryptography where it really runs: the same vectors as in Node, in the browser's own WebCrypto."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from playwright.sync_api import BrowserContext

from tests.browser.conftest import Portal

VECTORS = Path(__file__).resolve().parents[1] / "vectors"

SFRAME = """
async ({vectors, frames}) => {
  const sframe = await import("/static/js/e2ee/sframe.js");
  const layout = await import("/static/js/e2ee/frames.js");
  const hex = (bytes) => [...new Uint8Array(bytes)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  const unhex = (text) => Uint8Array.from(text.match(/../g) ?? [], (pair) => parseInt(pair, 16));
  const suites = {4: sframe.AES_128_GCM, 5: sframe.AES_256_GCM};
  const wrong = [];
  for (const {kid, ctr, encoded} of vectors.header) {
    const read = sframe.decodeHeader(unhex(encoded));
    const written = hex(sframe.encodeHeader(BigInt(kid), BigInt(ctr)));
    if (written !== encoded || read.kid !== BigInt(kid) || read.ctr !== BigInt(ctr)) wrong.push(encoded);
  }
  for (const vector of vectors.sframe) {
    const base = await sframe.importBaseKey(unhex(vector.base_key));
    const key = await sframe.deriveKey(base, BigInt(vector.kid), suites[vector.cipher_suite]);
    const sealed = await sframe.seal(key, BigInt(vector.ctr), unhex(vector.metadata), unhex(vector.pt));
    const opened = await sframe.open(key, sframe.decodeHeader(sealed), unhex(vector.metadata), sealed);
    if (hex(sealed) !== vector.ct || hex(opened) !== vector.pt) wrong.push(`suite ${vector.cipher_suite}`);
  }
  for (const {base_key, kid, ctr, kind, frame, sealed} of frames) {
    const key = await sframe.deriveKey(await sframe.importBaseKey(unhex(base_key)), BigInt(kid));
    const made = await layout.sealFrame(key, ctr, kind, unhex(frame).buffer);
    const opened = await layout.openFrame(key, layout.parseFrame(kind, unhex(sealed).buffer));
    if (hex(made) !== sealed || hex(opened) !== frame) wrong.push(`${kind} ${kid}`);
  }
  return wrong;
}
"""


def test_sframe_vectors_hold_in_the_browser(server: Portal, visitor: Callable[..., BrowserContext]) -> None:
    page = visitor().new_page()
    page.goto(f"{server.url}/help/encryption/")
    given: dict[str, Any] = {name: json.loads((VECTORS / file).read_text())
                             for name, file in (("vectors", "sframe.json"), ("frames", "frames.json"))}  # fmt: skip
    assert page.evaluate(SFRAME, given) == []


AT_ONCE = """
async (of) => {
  const { loadIdentity } = await import("/static/js/e2ee/identity.js");
  return (await Promise.all([1, 2, 3].map(() => loadIdentity(of)))).map(({ key }) => key);
}
"""


def test_tabs_that_make_this_devices_key_at_once_have_one(
    server: Portal, visitor: Callable[..., BrowserContext]
) -> None:
    """Else people would be told of a new key the next time, and none would ever show the one that they compared."""
    browser = visitor()
    page, other = browser.new_page(), browser.new_page()
    for tab in (page, other):
        tab.goto(f"{server.url}/help/encryption/")
    keys: list[str] = []
    for account in (None, "an account"):
        of = {"account": account, "participant": "one"}
        together = page.evaluate(AT_ONCE, of)
        assert {*together, *other.evaluate(AT_ONCE, of)} == {together[0]}
        keys.append(together[0])
    assert len({*keys, *page.evaluate(AT_ONCE, {"account": None, "participant": "another"})}) == 3
