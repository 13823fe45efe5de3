"""What a file’s row in the chat offers when something of it failed, in a real page, answered as a server could."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import FilePayload, Locator, Page, expect

FILE = "7b0e8f2c-93a8-4a53-9a0b-4f9f1c0f0a01"
LARGEST = 1000
PAGE = """async ([file, largest]) => {
  const [{ SharedFiles }, { Files }] = await Promise.all(
    ["elements/shared_files", "room/files"].map((name) => import(`/static/js/${name}.js`)));
  window.answers = {}; // by what is asked: the code of an error
  const request = async (type) => {
    if (answers[type]) throw Object.assign(new Error(), { code: answers[type] });
    return type === "file.begin" ? { file } : {};
  };
  const files = new Files({ request, announce: async () => undefined, pause: async () => undefined });
  window.roster = { you: "you", meeting: { largest_file: largest }, capabilities: { host: false } };
  const main = document.querySelector("main");
  window.shared = new SharedFiles({ roster, files, append: (sender, row) => main.append(row) });
  shared.render(true);
  main.replaceChildren(shared.node);
}"""
UNREADABLE = "Blob.prototype.arrayBuffer = () => Promise.reject(new DOMException('moved', 'NotReadableError'))"


@pytest.fixture
def page(some_page: Page) -> Page:
    some_page.evaluate(PAGE, [FILE, LARGEST])
    return some_page


def payload(name: str, size: int = 5) -> FilePayload:
    return {"name": name, "mimeType": "text/plain", "buffer": b"x" * size}


def choose(page: Page, button: str, *files: FilePayload) -> None:
    with page.expect_file_chooser() as asked:
        page.get_by_role("button", name=button).click()
    asked.value.set_files(files)


def row(page: Page, name: str) -> Locator:
    return page.locator(".file").filter(has_text=name)


def offered(where: Locator) -> Any:
    return where.get_by_role("button")


def test_what_cannot_be_read_any_more_is_chosen_again_in_its_place(page: Page) -> None:
    keep = "window.read = Blob.prototype.arrayBuffer"
    page.evaluate(f"() => {{ {keep}; {UNREADABLE}; }}")
    choose(page, "Pass on a file", payload("draft.txt"))
    expect(row(page, "draft.txt")).to_contain_text("choose it again")
    expect(offered(row(page, "draft.txt"))).to_have_text(["Choose a file…"])
    page.evaluate("() => { Blob.prototype.arrayBuffer = read; }")
    choose(page, "Choose a file…", payload("final.txt"), payload("annex.txt"))
    for name in ("final.txt", "annex.txt"):
        expect(row(page, name)).to_contain_text("Passed on")
    expect(page.locator(".file")).to_have_count(2)
    choose(page, "Pass on a file", payload("third.txt"))
    expect(page.locator(".file")).to_have_count(3)


def test_what_is_too_large_is_not_sent_and_another_can_be_chosen(page: Page) -> None:
    choose(page, "Pass on a file", payload("film.mp4", LARGEST + 1))
    expect(row(page, "film.mp4")).to_contain_text("too large")
    choose(page, "Choose a file…", payload("still.png"))
    expect(row(page, "still.png")).to_contain_text("Passed on")
    expect(page.locator(".file")).to_have_count(1)


def test_nothing_is_called_withdrawn_that_others_can_still_save(page: Page) -> None:
    choose(page, "Pass on a file", payload("salaries.txt"))
    page.evaluate("() => { answers['file.withdraw'] = 'not_allowed'; }")
    page.get_by_role("button", name="Withdraw").press("Enter")
    expect(row(page, "salaries.txt")).to_contain_text("Not withdrawn: others can still save it.")
    expect(page.get_by_role("button", name="Try again")).to_be_focused()
    page.evaluate("() => { answers['file.withdraw'] = 'no_such_file'; }")
    page.keyboard.press("Enter")
    expect(row(page, "salaries.txt")).to_contain_text("Withdrawn. Who has saved it keeps it.")
    expect(row(page, "salaries.txt")).to_be_focused()
    expect(offered(row(page, "salaries.txt"))).to_have_count(0)


SHOWN = """(file) => shared.show({ participant: "p", name: "Peter", at: "" },
  { file, name: "old.txt", size: 5, key: new Uint8Array(32), digest: new Uint8Array(32) })"""


def test_hosts_withdraw_what_others_passed_on_once_they_are_sure(page: Page) -> None:
    page.evaluate(SHOWN, FILE)
    withdraw = offered(row(page, "old.txt")).filter(has_text="Withdraw")
    expect(withdraw).to_be_hidden()
    page.evaluate("() => { roster.capabilities.host = true; shared.render(true); }")
    withdraw.press("Enter")
    question = page.get_by_role("dialog", name="Withdraw old.txt?")
    expect(question).to_contain_text("Peter passed it on.")
    question.get_by_role("button", name="Cancel").click()
    expect(withdraw).to_be_focused()
    withdraw.press("Enter")
    question.get_by_role("button", name="Withdraw").click()
    expect(row(page, "old.txt")).to_contain_text("Withdrawn. Who has saved it keeps it.")
    expect(row(page, "old.txt")).to_be_focused()
    expect(offered(row(page, "old.txt"))).to_have_count(0)


def test_a_file_that_is_gone_is_not_asked_for_again(page: Page) -> None:
    page.evaluate("() => { answers['file.read'] = 'no_such_file'; }")
    page.evaluate(SHOWN, FILE)
    page.get_by_role("button", name="Save").click()
    expect(row(page, "old.txt")).to_contain_text("It isn’t there any more")
    expect(offered(row(page, "old.txt"))).to_have_count(0)
