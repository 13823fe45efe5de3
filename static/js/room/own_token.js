// A token that the visitor's own program put behind the link, for the organisation's authorization service:
// /m/<code>#authorization=… . A fragment is sent to no server; here it leaves the address bar too, and a reload keeps it.

const NAME = "authorization";
const FITS = /^[\x21-\x7e]{1,2048}$/;

/**
 * What a fragment holds for the service, and what of it is somebody else's.
 * @param {string} hash with its #
 */
export function takeToken(hash) {
  const parts = hash.replace(/^#/, "").split("&");
  const own = parts.find((part) => part.startsWith(`${NAME}=`));
  const rest = parts.filter((part) => part && part !== own).join("&");
  let token = null;
  try {
    token = own ? decodeURIComponent(own.slice(NAME.length + 1)) : null;
  } catch {
    // Not an encoded text: no token.
  }
  return { token: token && FITS.test(token) ? token : null, rest: rest ? `#${rest}` : "", found: own !== undefined };
}

/**
 * The token for this meeting: the fragment's, or the one that this tab remembers from before a reload or a sign-in.
 * @param {string} code the meeting's
 * @returns {string | null}
 */
export function ownToken(code) {
  const key = `lintel:${NAME}:${code}`;
  const { token, rest, found } = takeToken(location.hash);
  if (found) history.replaceState(history.state, "", `${location.pathname}${location.search}${rest}`);
  try {
    if (token) sessionStorage.setItem(key, token);
    return token ?? sessionStorage.getItem(key);
  } catch {
    return token; // without storage it lasts as long as the page
  }
}
