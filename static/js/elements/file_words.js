// Why a file could not be passed on or fetched, in words: never another reason than the true one. No DOM.
import { gettext } from "../lib/i18n.js";
import { sizeText } from "../lib/words.js";

/** @param {unknown} error */
export const codeOf = (error) => String(/** @type {any} */ (error)?.code ?? "failed");

/**
 * What the row of a file says when it wasn’t passed on or fetched.
 * @param {string} code
 * @param {number} largest
 */
export function words(code, largest) {
  switch (code) {
    case "too_large":
      return gettext("It is too large: up to {size} can be passed on here.", { size: sizeText(largest) });
    case "full":
      return gettext("There is no room for it in this meeting. Files that aren’t needed any more can be withdrawn by whoever passed them on.");
    case "too_many":
      return gettext("Two files are on their way already. Wait for one of them.");
    case "not_allowed":
      return gettext("Writing is off for you, and so are files.");
    case "none_here":
      return gettext("Files aren’t passed on in this meeting.");
    case "folder":
      return gettext("A folder can’t be passed on. Pass on the files in it, or one archive of it.");
    case "suspended":
      return gettext("The meeting is suspended. Try again when it goes on.");
    case "no_such_file":
      return gettext("It isn’t there any more: it was withdrawn, or the server was started anew.");
    case "changed":
    case "short":
      return gettext("What came isn’t what its sender passed on, so it wasn’t saved.");
    case "no_group":
      return gettext("You’re not connected securely, so nothing was sent.");
    case "unreadable":
      return gettext("Your browser can’t read it any more. It may have been changed or moved: choose it again.");
    case "cut":
      return gettext("The line was cut. Try again.");
    case "no_answer":
      return gettext("The server didn’t answer. Try again.");
    case "try_again":
      return gettext("The server can’t do that right now. Try again.");
    default:
      return gettext("That didn’t work. Try again.");
  }
}
