"""The page on which hosts make tokens for devices and take them back."""

from __future__ import annotations

import re

from meetings.devices.models import RoomDevice
from meetings.models import Meeting
from meetings.tests.pages_case import PagesCase


class Devices(PagesCase):
    def setUp(self) -> None:
        super().setUp()
        self.board = self.scheduled()
        self.address = f"/meetings/{self.board.pk}/devices/"

    def test_a_token_is_made_shown_once_and_taken_back(self) -> None:
        made = self.client.post(self.address, {"name": "Board room 3", "rights": ["publish"]})
        token = re.search(r"ldev_[\w-]{43}", made.text)
        self.assertIsNotNone(token)
        self.assertContains(made, f"/whip/{self.board.pk}")
        page = self.client.get(self.address)
        self.assertContains(page, "Board room 3")
        self.assertNotContains(page, "ldev_")
        self.assertContains(self.client.get(f"/meetings/{self.board.pk}/"), "1 device may join.")
        device = RoomDevice.objects.get()
        back = f"{self.address}{device.pk}/take-back/"
        self.assertContains(self.client.get(back), "Take back the token of Board room 3?")
        self.assertRedirects(self.client.post(back), self.address)
        device.refresh_from_db()
        self.assertIsNotNone(device.revoked_at)
        self.assertContains(self.client.get(self.address), "Taken back")

    def test_the_picture_may_be_a_shared_screen(self) -> None:
        slides = {"name": "Slides", "rights": ["publish"], "picture": "screen"}
        self.assertContains(self.client.post(self.address, slides), "Shares a screen")
        self.assertTrue(RoomDevice.objects.get().is_screen)
        answer = self.client.post(self.address, {**slides, "picture": "film"})
        self.assertContains(answer, "Choose a camera or a shared screen.", status_code=422)

    def test_what_is_missing_is_named(self) -> None:
        answer = self.client.post(self.address, {"name": " "})
        self.assertContains(answer, "Give the device a name.", status_code=422)
        self.assertContains(answer, "Choose whether it sends, watches, or both.", status_code=422)
        self.assertFalse(RoomDevice.objects.exists())

    def test_an_encrypted_meeting_offers_none(self) -> None:
        Meeting.objects.filter(pk=self.board.pk).update(encryption="e2ee")
        page = self.client.get(self.address)
        self.assertContains(page, "end-to-end encrypted")
        self.assertNotContains(page, "Make a token")
        self.assertNotContains(self.client.get(f"/meetings/{self.board.pk}/"), "Encoders and room systems")
        answer = self.client.post(self.address, {"name": "Encoder", "rights": ["publish"]})
        self.assertEqual(answer.status_code, 422)
        self.assertFalse(RoomDevice.objects.exists())
