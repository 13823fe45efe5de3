"""What browsers do with frame transforms that nobody expects, shown on two connections in one page.

Each trap is reproduced first, so that the test of its cure can fail. Where a browser no longer has a trap, the test
says so and shows nothing. Nothing of ours runs in it: only another browser can change what comes of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page

from tests.browser.conftest import Portal

pytestmark = pytest.mark.extra

# Turns every bit behind the clear bytes of VP8 while it has leave to; drops everything before.
WORKER = """
let open = false;
onmessage = ({data}) => { open = data.open; };
onrtctransform = ({transformer}) => {
  const {ask} = transformer.options;
  let missed = false;
  transformer.readable.pipeThrough(new TransformStream({
    transform(frame, controller) {
      if (!open) { missed = true; return; }
      const bytes = new Uint8Array(frame.data.slice(0));
      for (let i = bytes[0] & 1 ? 1 : 10; i < bytes.length; i++) bytes[i] ^= 255;
      frame.data = bytes.buffer;
      controller.enqueue(frame);
      if (ask && missed) { missed = false; transformer.sendKeyFrameRequest(); }
    },
  })).pipeTo(transformer.writable);
};
"""

PAGE = """
window.pair = async ({flag, late, receive, ask}) => {
  const configuration = flag ? {encodedInsertableStreams: true} : {};
  const from = new RTCPeerConnection(configuration);
  const to = new RTCPeerConnection({encodedInsertableStreams: receive !== "none"});
  from.onicecandidate = ({candidate}) => candidate && to.addIceCandidate(candidate);
  to.onicecandidate = ({candidate}) => candidate && from.addIceCandidate(candidate);
  const workers = {send: new Worker("/trap-worker.js"), receive: new Worker("/trap-worker.js")};
  const [track] = (await navigator.mediaDevices.getUserMedia({video: {width: 320, height: 240}})).getVideoTracks();
  const line = from.addTransceiver(track, {direction: "sendonly"});
  const {codecs} = RTCRtpSender.getCapabilities("video");
  line.setCodecPreferences(codecs.filter(({mimeType}) => /vp8|rtx/i.test(mimeType)));
  const attach = () => { line.sender.transform = new RTCRtpScriptTransform(workers.send, {}); };
  if (!late) attach(); else setTimeout(attach, 0);
  to.ontrack = ({receiver, track}) => {
    if (receive !== "none") receiver.transform = new RTCRtpScriptTransform(workers.receive, {ask});
    const video = document.createElement("video");
    video.muted = true;
    video.srcObject = new MediaStream([track]);
    void video.play();
  };
  await from.setLocalDescription();
  await to.setRemoteDescription(from.localDescription);
  await to.setLocalDescription();
  await from.setRemoteDescription(to.localDescription);
  const report = async (of, kind) => [...(await of.getStats()).values()].find(({type}) => type === kind);
  return {
    workers,
    decoded: async () => (await report(to, "inbound-rtp"))?.framesDecoded ?? 0,
    close: () => {
      track.stop();
      for (const connection of [from, to]) connection.close();
      for (const worker of Object.values(workers)) worker.terminate();
    },
  };
};
window.pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
window.until = async (holds, ms) => {
  for (const end = performance.now() + ms; performance.now() < end; await pause(50)) if (await holds()) return true;
  return false;
};
"""


@pytest.fixture
def page(server: Portal, visitor: Callable[..., BrowserContext]) -> Iterator[Page]:
    context = visitor(permissions=["camera"])
    opened = context.new_page()
    opened.route("**/trap-worker.js", lambda route: route.fulfill(content_type="text/javascript", body=WORKER))
    opened.goto(f"{server.url}/help/encryption/")
    opened.evaluate(PAGE)
    yield opened


def leaked_frames(page: Page, **how: Any) -> int:
    """How many frames a receiver without any transform could show, of a sender whose transform lets nothing through."""
    found: int = page.evaluate(
        """async (how) => {
          const link = await pair({...how, receive: "none"});
          await until(async () => await link.decoded() > 5, 4000);
          const frames = await link.decoded();
          link.close();
          return frames;
        }""",
        how,
    )
    return found


def test_a_late_transform_is_passed_by_unless_the_connection_expects_one(page: Page) -> None:
    if leaked_frames(page, flag=False, late=True) == 0:
        pytest.skip("this browser honours late transforms")
    assert leaked_frames(page, flag=True, late=True) == 0
    assert leaked_frames(page, flag=True, late=False) == 0


RECOVERS = """async ({ask}) => {
  const link = await pair({flag: true, late: false, receive: "transform", ask});
  for (const worker of Object.values(link.workers)) worker.postMessage({open: true});
  if (!await until(async () => await link.decoded() > 10, 30_000)) throw new Error("nothing arrived at all");
  link.workers.receive.postMessage({open: false});
  await pause(600);
  link.workers.receive.postMessage({open: true});
  const before = await link.decoded();
  const recovered = await until(async () => await link.decoded() > before + 5, ask ? 30_000 : 2000);
  link.close();
  return recovered;
}"""


def test_a_picture_stands_still_after_a_gap_until_a_key_frame_is_asked_for(page: Page) -> None:
    if page.evaluate(RECOVERS, {"ask": False}):
        pytest.skip("this browser asks by itself")
    assert page.evaluate(RECOVERS, {"ask": True})
