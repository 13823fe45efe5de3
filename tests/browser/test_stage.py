"""The stage in a real page of its own: whom this person made large, and what a second click does."""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.test_room_main_job import eventually

PAGE = """async (sheet) => {
  const [{ Stage }, { personMenu }, { Hosting }] = await Promise.all(
    ["elements/stage", "room/person_menu", "signaling/hosting"].map((name) => import(`/static/js/${name}.js`)));
  const link = Object.assign(document.createElement("link"), { rel: "stylesheet", href: sheet });
  await new Promise((done) => { link.onload = done; document.head.append(link); });
  const part = (tag, look) => Object.assign(document.createElement(tag), { className: look });
  const [root, list, pager] = [part("div", "stage"), part("ul", "tiles"), part("div", "pager")];
  root.style.cssText = "inline-size: 1200px; block-size: 700px";
  root.append(list, pager);
  document.body.replaceChildren(root);
  const names = ["Ingrid", "Peter", "Leila", "Yuki", "Marcus"];
  const people = new Map(names.map((name, index) => [name, { participant: name, name, connected: true, microphone: true,
    camera: false, screen: false, guest: false, host: false, hand: null, entered_at: `2026-01-01T00:00:0${index}Z` }]));
  const call = { incoming: new Map(), unplayable: new Map(), show: (tiles) => (window.asked = tiles) };
  window.people = people;
  const roster = (window.roster = { you: "Ingrid", hands: [], people, capabilities: { host: false } });
  window.film = (...keys) => { // what comes in, drawn anew all the time
    const canvas = Object.assign(document.createElement("canvas"), { width: 64, height: 48 });
    const draw = () => (canvas.getContext("2d").fillRect(0, 0, Math.random() * 64, 9), requestAnimationFrame(draw));
    draw();
    call.incoming = new Map(keys.map((key) => [key, { stream: canvas.captureStream(10) }]));
  };
  window.stage = new Stage({ list, pager, call, ownStream: () => null, openMenu: (...of) => menu(...of),
    isUnreadable: () => false, volumeOf: (participant) => (participant === "Marcus" ? 0.4 : 1), roster });
  window.hosting = new Hosting(async (...asked) => (window.told = asked));
  const menu = personMenu({ stage, roster, hosting, volumes: { of: () => 1 } });
  stage.render();
}"""


@pytest.fixture
def page(some_page: Page) -> Page:
    some_page.evaluate(PAGE, "/static/css/room.css")
    return some_page


def tile(page: Page, name: str, source: str = "camera") -> Locator:
    return page.locator(f'[data-participant="{name}"][data-source="{source}"]')


def widths(page: Page) -> dict[str, float]:
    found: dict[str, float] = page.evaluate("""() => Object.fromEntries([...document.querySelectorAll(".tile")]
      .map((tile) => [tile.dataset.participant, parseFloat(tile.style.getPropertyValue("--w"))]))""")
    return found


def test_who_is_pinned_is_large_in_the_grid_too_until_a_second_double_click(page: Page) -> None:
    assert len(set(widths(page).values())) == 1
    tile(page, "Leila").dblclick()
    pinned = widths(page)
    assert all(pinned["Leila"] > 2 * pinned[name] for name in ("Ingrid", "Peter", "Yuki", "Marcus")), pinned
    expect(tile(page, "Leila").get_by_text("Pinned")).to_be_visible()
    page.evaluate("() => { people.delete('Leila'); stage.render(); }")
    assert len(set(widths(page).values())) == 1, "who left is large no more"
    tile(page, "Peter").dblclick()
    tile(page, "Peter").dblclick()
    assert len(set(widths(page).values())) == 1


def test_who_a_host_pinned_for_everyone_is_large_unless_this_person_pinned_somebody(page: Page) -> None:
    page.evaluate("() => { people.get('Yuki').spotlight = 'Marcus'; stage.render(); }")
    large = widths(page)
    assert all(large["Yuki"] > 2 * large[name] for name in ("Ingrid", "Peter", "Leila", "Marcus")), large
    expect(tile(page, "Yuki").get_by_text("For all")).to_be_visible()
    expect(tile(page, "Yuki")).to_have_attribute("aria-label", "Yuki, camera off, pinned for everyone")
    tile(page, "Leila").dblclick()
    assert widths(page)["Leila"] > 2 * widths(page)["Yuki"]
    tile(page, "Leila").dblclick()
    assert widths(page)["Yuki"] > 2 * widths(page)["Leila"]
    page.evaluate(
        "() => { people.get('Yuki').spotlight = null; people.get('Ingrid').spotlight = 'Marcus'; stage.render(); }"
    )
    assert len(set(widths(page).values())) == 1, "nobody is made to look at themselves"
    expect(tile(page, "Ingrid").get_by_text("For all")).to_be_visible()


def test_only_hosts_pin_for_everyone(page: Page) -> None:
    page.evaluate("() => { people.get('Yuki').spotlight = 'Marcus'; }")
    for_all = page.get_by_role("menuitem", name="pin for everyone")
    for name, on in (("Peter", True), ("Yuki", False)):
        page.evaluate("() => { roster.capabilities.host = false; }")
        tile(page, name).press("Enter")
        expect(page.get_by_role("menuitem", name="Pin for me")).to_be_focused()
        expect(for_all).to_have_count(0)
        page.keyboard.press("Escape")
        page.evaluate("() => { roster.capabilities.host = true; }")
        tile(page, name).press("Enter")
        expect(for_all).to_have_text("Pin for everyone" if on else "Unpin for everyone")
        for_all.press("Enter")
        told = ["host.spotlight", {"participant": name, "on": on}]
        eventually(lambda told=told: page.evaluate("told") == told, f"request about {name}")


def test_a_shared_screen_fills_ones_own_and_its_button_says_the_way_back(page: Page) -> None:
    page.evaluate("() => { people.get('Yuki').screen = true; stage.render(); }")
    shared = tile(page, "Yuki", "screen")
    shared.dblclick()
    expect(shared.get_by_role("button", name="Leave full screen")).to_be_visible()
    assert page.evaluate("document.fullscreenElement.dataset.source") == "screen"
    shared.get_by_role("button", name="Leave full screen").click()
    expect(shared.get_by_role("button", name="Full screen", exact=True)).to_be_visible()
    assert page.evaluate("document.fullscreenElement") is None


def test_cameras_of_others_are_not_asked_for_while_this_person_hides_them_and_screens_are(page: Page) -> None:
    page.evaluate("() => { people.get('Peter').camera = people.get('Yuki').screen = true; stage.render(); }")
    sources = "asked.map(({ participant, source }) => `${participant} ${source}`)"
    assert "Peter camera" in page.evaluate(sources)
    page.evaluate("() => { stage.othersCameras = false; stage.render(); }")
    assert page.evaluate(sources) == ["Yuki screen"]
    expect(tile(page, "Peter").get_by_text("Hidden by you")).to_be_visible()
    expect(tile(page, "Peter")).to_have_attribute("aria-label", "Peter, camera hidden by you")
    expect(tile(page, "Leila").get_by_text("Hidden by you")).to_be_hidden()
    page.evaluate("() => { stage.othersCameras = true; stage.render(); }")
    assert "Peter camera" in page.evaluate(sources)
    expect(tile(page, "Peter").get_by_text("Hidden by you")).to_be_hidden()


def test_who_was_made_quieter_here_says_so(page: Page) -> None:
    expect(tile(page, "Marcus").get_by_text("40%")).to_be_visible()
    expect(tile(page, "Marcus")).to_have_attribute("aria-label", "Marcus, volume 40%, camera off")
    expect(tile(page, "Leila")).to_have_attribute("aria-label", "Leila, camera off")


HIDE = """(hidden) => {
  Object.defineProperty(document, "hidden", { configurable: true, get: () => hidden });
  document.dispatchEvent(new Event("visibilitychange"));
}"""
ASKED = "() => asked.map(({ participant, source }) => `${participant} ${source}`)"


SMALL = """() => { const { participant, source } = document.pictureInPictureElement?.closest("li").dataset ?? {};
  return `${participant} ${source}`; }"""


def asked_for(page: Page, *pictures: str) -> None:
    eventually(lambda: page.evaluate(ASKED) == [*pictures], f"call for {pictures} alone")


def in_the_window(page: Page, picture: str) -> None:
    eventually(lambda: page.evaluate(SMALL) == picture, f"{picture} in the window")


def test_a_picture_in_a_window_of_its_own_is_asked_for_while_the_page_is_hidden_and_no_longer(page: Page) -> None:
    page.evaluate("""() => { people.get("Peter").camera = people.get("Yuki").screen = people.get("Yuki").camera = true;
      film("Peter:camera", "Yuki:screen"); stage.render(); }""")
    small, away = (
        page.get_by_role("menuitem", name=name) for name in ("Picture-in-picture", "Leave picture-in-picture")
    )
    expect(tile(page, "Yuki", "screen").locator("video")).to_have_js_property("readyState", 4)
    tile(page, "Yuki", "screen").press("Enter")
    small.press("Enter")
    in_the_window(page, "Yuki screen")
    before = page.evaluate(ASKED)
    assert len(before) > 1
    page.evaluate(HIDE, True)
    asked_for(page, "Yuki screen")
    assert page.evaluate("asked[0].height") > 20
    page.evaluate(HIDE, False)
    asked_for(page, *before)

    tile(page, "Yuki", "screen").hover()
    page.get_by_role("button", name="Actions for the screen of Yuki").click()
    away.click()
    in_the_window(page, "undefined undefined")
    page.evaluate(HIDE, True)
    asked_for(page)
    page.evaluate(HIDE, False)

    expect(tile(page, "Peter").locator("video")).to_have_js_property("readyState", 4)
    tile(page, "Peter").press("Enter")
    small.press("Enter")
    in_the_window(page, "Peter camera")
    page.evaluate("() => { people.get('Peter').camera = false; stage.render(); }")
    in_the_window(page, "undefined undefined")
    tile(page, "Leila").press("Enter")
    expect(page.get_by_role("menu", name="Actions for Leila")).to_be_visible()
    expect(small).to_have_count(0)


def test_a_browser_without_such_windows_is_offered_none(page: Page) -> None:
    page.evaluate("""() => { Object.defineProperty(document, "pictureInPictureEnabled", { value: undefined });
      people.get("Peter").camera = true; film("Peter:camera"); stage.render(); }""")
    expect(tile(page, "Peter").locator("video")).to_have_js_property("readyState", 4)
    tile(page, "Peter").press("Enter")
    expect(page.get_by_role("menuitem")).to_have_text(["Pin for me", "Volume…"])
