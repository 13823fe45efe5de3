// Pictures that a browser can't show: said once to whoever doesn't see them, and shown to whoever sends them so.
import { unplayableWords, unseenWords } from "../elements/codec_words.js";
import { gettext } from "../lib/i18n.js";

/**
 * @param {{
 *   roster: import("../signaling/roster.js").Roster, call: import("../media/call.js").Call,
 *   participation: import("../media/participation.js").Participation, preferences: import("../lib/preferences.js").Preferences,
 *   announcer: Pick<import("../elements/announcer.js").Announcer, "say">, banners: Pick<import("../elements/banners.js").Banners, "show" | "hide">,
 * }} parts
 */
export function tellCodecs({ roster, call, participation, preferences, announcer, banners }) {
  /** @type {Set<string>} */
  const said = new Set();
  let shown = "";

  const tellUnplayable = () => {
    for (const { participant, source, codec } of call.unplayable.values()) {
      const person = roster.people.get(participant);
      const key = `${participant} ${source} ${codec}`;
      if (!person || said.has(key) || !(source === "screen" ? person.screen : person.camera)) continue;
      said.add(key);
      const { title, advice } = unplayableWords({ name: person.name, device: Boolean(person.device), source, codec });
      announcer.say(`${title} ${advice}`);
    }
  };

  const useAutomatic = () => {
    preferences.set("codec", "auto");
    banners.hide("unseen");
    announcer.say(gettext("Your picture is sent as VP8 now, which everybody can see."));
  };

  const tellUnseen = () => {
    const on = call.unseen.filter(({ source }) => (source === "screen" ? participation.sharing : participation.camera));
    const title = on.map(unseenWords).join(" ");
    if (title === shown) return; // hidden by hand, it stays so until there is something else to say
    shown = title;
    if (!title) {
      banners.hide("unseen");
      return;
    }
    banners.show("unseen", { icon: "video-off", title, actions: [{ label: gettext("Use Automatic"), run: useAutomatic }], closable: true });
    announcer.say(title);
  };

  const tell = () => {
    tellUnplayable();
    tellUnseen();
  };
  call.on("codecs", tell);
  roster.on("change", tell);
  participation.on("change", tell);
}
