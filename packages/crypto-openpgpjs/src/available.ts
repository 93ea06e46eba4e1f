import { config } from "openpgp"

/** Can OpenPGP.js be used here? */
export type OpenpgpjsAvailability =
  | { readonly usable: true; readonly version: string }
  | { readonly usable: false; readonly because: string }

/** It needs Web Crypto, which browsers give to pages of a secure origin only. */
export function openpgpjsAvailable(): OpenpgpjsAvailability {
  if (globalThis.crypto?.subtle === undefined) {
    return {
      usable: false,
      because: "there is no Web Crypto here: in a browser the page must come from a secure origin",
    }
  }
  return { usable: true, version: config.versionString.replace(/^OpenPGP\.js /, "") }
}
