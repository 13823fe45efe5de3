"""Who types a password can look at it, and no browser keeps it among the words it offers later."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import BrowserContext, expect

from tests.browser.conftest import Portal

NOTES_WHAT_IS_SENT = """() => addEventListener("submit", ({ target }) => {
  sessionStorage.sent = `${target.elements.password.type} ${[...new FormData(target).keys()]}`;
})"""


def test_a_password_is_shown_while_it_is_typed_and_hidden_when_it_is_sent(
    server: Portal, visitor: Callable[..., BrowserContext]
) -> None:
    page = visitor().new_page()
    page.goto(f"{server.url}/sign-in/")
    show, typed = page.get_by_role("button", name="Show password"), page.get_by_label("Password")
    page.get_by_role("textbox", name="Email").fill("ingrid@nordhavn.example")
    typed.fill("correct horse")
    expect(typed).to_have_attribute("type", "password")
    typed.press("Tab")
    expect(show).to_be_focused()
    for key, pressed, kind in (("Enter", "true", "text"), ("Space", "false", "password"), ("Space", "true", "text")):
        show.press(key)
        expect(show).to_have_attribute("aria-pressed", pressed)
        expect(typed).to_have_attribute("type", kind)
    expect(typed).to_have_value("correct horse")

    page.evaluate(NOTES_WHAT_IS_SENT)
    typed.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("That email and password don’t match.")
    assert page.evaluate("sessionStorage.sent") == "password csrfmiddlewaretoken,login,password"
