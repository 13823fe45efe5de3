// Panels that explain: how the network is, what the door does. True sentences only.
import { h, icon, put, setText } from "../lib/h.js";
import { gettext } from "../lib/i18n.js";
import { doorRows, wayChip } from "./door_words.js";

/** @typedef {import("../media/quality.js").Verdict} Verdict */
/** @typedef {import("../media/quality.js").Sample} Sample */

const WORDS = () => ({
  good: { icon: "signal", text: gettext("Good") },
  unstable: { icon: "signal-medium", text: gettext("Unstable") },
  poor: { icon: "signal-low", text: gettext("Poor") },
  offline: { icon: "wifi-off", text: gettext("Offline") },
});

/** @param {Verdict["word"]} word */
export const networkWord = (word) => WORDS()[word];

export class NetworkPanel {
  #turnOffCamera;
  #camerasShown = true;
  #showCameras;
  #camerasWord = h("span");
  #cameras = h("button", { class: "btn", type: "button", onclick: () => this.#showCameras(!this.#camerasShown) }, icon("video"), this.#camerasWord);
  #sentence = h("p", { class: "lead" });
  #act = h("button", { class: "btn", type: "button", onclick: () => this.#turnOffCamera() }, icon("video-off"), gettext("Turn off my camera"));
  #numbers = h("dl", { class: "numbers num" });
  body = h(
    "div",
    { class: "body stack gap-3" },
    this.#sentence,
    this.#act,
    this.#cameras,
    h("details", { class: "more" }, h("summary", {}, gettext("Details")), this.#numbers),
  );

  /** @param {{turnOffCamera: () => void, showCameras: (shown: boolean) => void}} parts `showCameras`: those of others */
  constructor({ turnOffCamera, showCameras }) {
    this.#turnOffCamera = turnOffCamera;
    this.#showCameras = showCameras;
    this.camerasShown(true);
  }

  /** @param {boolean} shown whether the cameras of others are */
  camerasShown(shown) {
    this.#camerasShown = shown;
    setText(this.#camerasWord, shown ? gettext("Hide other people’s cameras") : gettext("Show other people’s cameras"));
  }

  /**
   * @param {Verdict & {sample: Sample | null}} verdict
   * @param {import("../media/server_view.js").ServerSample | null} [server] what the server says, where it is known
   */
  show({ cause, sample }, server = null) {
    const upload = sample?.canSendKbps ? megabits(sample.canSendKbps) : "";
    setText(
      this.#sentence,
      {
        none: gettext("Your network is fine."),
        upload: upload ? gettext("Your upload is {rate}.", { rate: upload }) : gettext("Your upload is slow."),
        upload_loss: gettext("Part of what you send gets lost on the way."),
        download_loss: gettext("Part of what others send gets lost on the way to you."),
        delay: gettext("Answers take long to travel, so people may talk over each other."),
        computer: gettext("This computer is busy, so the picture is sent smaller."),
        offline: gettext("You’re offline. We’ll reconnect by ourselves."),
      }[cause],
    );
    this.#act.hidden = !(sample?.cameraOn && (cause === "upload" || cause === "upload_loss"));
    if (!sample || !this.body.isConnected) return;
    const rows = /** @type {[string, string | null][]} */ ([
      [gettext("Sending"), sample.sentKbps === null ? null : megabits(sample.sentKbps)],
      [gettext("Receiving"), sample.receivedKbps === null ? null : megabits(sample.receivedKbps)],
      [gettext("Could send"), upload || null],
      [gettext("There and back"), sample.roundTripMs === null ? null : gettext("{count} ms", { count: sample.roundTripMs })],
      [gettext("Lost from you"), sample.lostUp === null ? null : percent(sample.lostUp)],
      [gettext("Lost to you"), sample.lostDown === null ? null : percent(sample.lostDown)],
      [gettext("Arrives at the server"), server && megabits(server.arrivingKbps)],
      [gettext("Missing at the server"), server === null || server.missing === null ? null : percent(server.missing)],
      [gettext("Sent to you by the server"), server && megabits(server.sendingKbps)],
    ]);
    put(this.#numbers, ...rows.flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value ?? gettext("not known yet"))]));
  }
}

/** @param {number} kbps */
const megabits = (kbps) => gettext("{rate} Mbit/s", { rate: (kbps / 1000).toFixed(1) });

/** @param {number} share */
const percent = (share) => `${(share * 100).toFixed(1)} %`;

/** The door's table, for reading. */
export class DoorRules {
  node = h("ul", { class: "door" });
  #drawn = "";

  /** @param {import("../signaling/protocol.js").Meeting} meeting */
  show(meeting) {
    const drawn = JSON.stringify([meeting.door, meeting.locked]);
    if (drawn === this.#drawn) return;
    this.#drawn = drawn;
    put(this.node, ...doorRows(meeting).map(([who, way]) => h("li", {}, h("span", {}, who), wayChip(meeting.locked ? "turned_away" : way))));
  }
}
