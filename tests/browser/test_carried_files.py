"""Files that are dragged or pasted into the chat, as the browser itself hands them over."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

FILE = "7b0e8f2c-93a8-4a53-9a0b-4f9f1c0f0a01"
LARGEST = 1000
PAGE = """async ([sheet, file, largest]) => {
  const [{ ChatPanel }, { Files }] = await Promise.all(
    ["elements/chat_panel", "room/files"].map((name) => import(`/static/js/${name}.js`)));
  const link = Object.assign(document.createElement("link"), { rel: "stylesheet", href: sheet });
  await new Promise((done) => { link.onload = done; document.head.append(link); });
  window.asked = []; // of the server
  const request = async (type) => (asked.push(type), type === "file.begin" ? { file } : {});
  const files = new Files({ request, announce: async () => undefined, pause: async () => undefined });
  window.roster = { you: "you", people: new Map(), capabilities: { chat: true }, self: null, suspended: false,
    meeting: { rights: { chat: "hosts" }, largest_file: largest } };
  const nothing = () => undefined;
  window.chat = new ChatPanel({ roster, isSealed: () => true, send: async () => undefined, onUnread: nothing, files });
  const panel = Object.assign(document.createElement("section"), { className: "panel" });
  panel.dataset.panel = "chat";
  panel.style.height = "500px";
  panel.append(chat.body, chat.foot);
  const beside = Object.assign(document.createElement("p"), { id: "beside", textContent: "Beside" });
  document.querySelector("main").replaceChildren(panel, beside);
  chat.render();
}"""
Drag = Callable[[str, str], None]


@pytest.fixture
def page(some_page: Page) -> Page:
    some_page.evaluate(PAGE, ["/static/css/room.css", FILE, LARGEST])
    return some_page


@pytest.fixture
def drag(page: Page, tmp_path: Path) -> Drag:
    """Moves what is dragged, or lets go of it, over what a selector finds: a note, a film too large, and a folder."""
    (tmp_path / "note.txt").write_text("Hello")
    (tmp_path / "film.mp4").write_bytes(b"x" * (LARGEST + 1))
    (tmp_path / "holidays").mkdir()
    protocol = page.context.new_cdp_session(page)
    files = [str(tmp_path / name) for name in ("note.txt", "film.mp4", "holidays")]
    data = {"items": [], "files": files, "dragOperationsMask": 1}

    def move(kind: str, selector: str) -> None:
        box = page.locator(selector).bounding_box()
        assert box is not None
        at = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}
        protocol.send("Input.dispatchDragEvent", {"type": kind, "data": data, **at})

    return move


def row(page: Page, name: str) -> Locator:
    return page.locator(".file").filter(has_text=name)


def test_what_is_let_go_over_the_chat_goes_the_way_of_what_is_chosen(page: Page, drag: Drag) -> None:
    waits = page.get_by_text("Let go to pass it on to everybody here")
    expect(waits).to_be_hidden()
    drag("dragEnter", ".panel .body")
    drag("dragOver", ".panel .body")
    expect(waits).to_be_visible()
    drag("dragOver", "#chat-text")
    expect(waits).to_be_visible()
    drag("drop", "#chat-text")
    expect(waits).to_be_hidden()
    expect(row(page, "note.txt")).to_contain_text("Passed on, end-to-end encrypted.")
    expect(row(page, "film.mp4")).to_contain_text("It is too large: up to 1.0 kB")
    expect(row(page, "holidays")).to_contain_text("A folder can’t be passed on.")
    expect(row(page, "holidays").get_by_role("button")).to_have_count(0)
    assert page.evaluate("asked.filter((type) => type === 'file.begin').length") == 1
    expect(page.locator("#chat-text")).to_have_value("")


def test_what_is_let_go_beside_the_chat_is_neither_passed_on_nor_opened(page: Page, drag: Drag) -> None:
    address = page.url
    drag("dragEnter", ".panel .body")
    expect(page.locator(".drop")).to_be_visible()
    drag("dragOver", "#beside")
    expect(page.locator(".drop")).to_be_hidden()
    drag("drop", "#beside")
    page.evaluate("new Promise((done) => setTimeout(done))")
    assert page.url == address
    expect(row(page, "note.txt")).to_have_count(0)


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("roster.meeting.largest_file = 0", "Files aren’t passed on in this meeting."),
        ("roster.capabilities.chat = false", "Writing is off for you, and so are files."),
        ("roster.suspended = true", "The meeting is suspended. Try again when it goes on."),
    ],
)
def test_where_no_file_may_be_passed_on_the_chat_says_why(page: Page, drag: Drag, state: str, words: str) -> None:
    page.evaluate(f"() => {{ {state}; chat.render(); }}")
    drag("dragEnter", ".panel .body")
    expect(page.locator(".drop")).to_have_text(words)
    drag("drop", ".panel .body")
    expect(row(page, "note.txt")).to_contain_text(words)
    assert page.evaluate("asked.length") == 0


COPY = """async (texts) => {
  const canvas = new OffscreenCanvas(2, 2);
  canvas.getContext("2d").fillRect(0, 0, 2, 2);
  const kinds = { "image/png": await canvas.convertToBlob() };
  for (const [kind, text] of Object.entries(texts)) kinds[kind] = new Blob([text], { type: kind });
  await navigator.clipboard.write([new ClipboardItem(kinds)]);
}"""


def test_a_pasted_picture_is_passed_on_once_its_owner_said_so_and_text_stays_text(page: Page) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.evaluate(COPY, {"text/html": "<img>"})
    page.locator("#chat-text").press("ControlOrMeta+v")
    question = page.get_by_role("dialog", name="Pass on what you copied?")
    expect(question).to_contain_text("image.png: everybody here can save it.")
    question.get_by_role("button", name="Cancel").click()
    assert page.evaluate("asked.length") == 0
    expect(page.locator("#chat-text")).to_be_focused()
    page.keyboard.press("ControlOrMeta+v")
    question.get_by_role("button", name="Pass on").click()
    expect(row(page, "image.png")).to_contain_text("Passed on")
    page.evaluate(COPY, {"text/plain": "Total 12"})
    page.locator("#chat-text").press("ControlOrMeta+v")
    expect(page.locator("#chat-text")).to_have_value("Total 12")
    expect(page.locator(".file")).to_have_count(1)
    expect(question).to_have_count(0)
