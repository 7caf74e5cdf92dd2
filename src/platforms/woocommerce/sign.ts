import { createHmac } from "node:crypto";
import OAuth from "oauth-1.0a";

export interface Keys {
  readonly consumerKey: string;
  readonly consumerSecret: string;
}

export interface SignedCall {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * The call with its proof of who calls: Basic over https; over plain http, where WooCommerce takes no Basic (measured on 7.9.0
 * and 10.6.2, 2026-11), OAuth 1.0a with its parameters in the query. Good for one call: a repeated nonce is refused, so a
 * retry signs anew. `url` has no query; `query` is encoded here.
 */
export function signed(
  method: string,
  url: string,
  query: Readonly<Record<string, string>>,
  { consumerKey, consumerSecret }: Keys,
): SignedCall {
  if (!url.startsWith("http:")) {
    const basic = Buffer.from(`${consumerKey}:${consumerSecret}`).toString("base64");
    return { url: withQuery(url, query), headers: { authorization: `Basic ${basic}` } };
  }
  const oauth = new OAuth({
    consumer: { key: consumerKey, secret: consumerSecret },
    signature_method: "HMAC-SHA256",
    hash_function: (text, key) => createHmac("sha256", key).update(text).digest("base64"),
  });
  const proof = oauth.authorize({ url, method, data: { ...query } });
  const proved = Object.fromEntries(Object.entries(proof).map(([name, value]) => [name, String(value)]));
  return { url: withQuery(url, { ...query, ...proved }), headers: {} };
}

/** The query as both sides of a signature read it: every reserved character escaped, a space as %20. */
function withQuery(url: string, query: Readonly<Record<string, string>>): string {
  const parts = Object.entries(query).map(
    ([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`,
  );
  return parts.length === 0 ? url : `${url}?${parts.join("&")}`;
}
