/** The token in `Bearer ek_…`; null where there is none in this form. */
export function bearerToken(authorization: unknown): string | null {
  if (typeof authorization !== "string" || authorization.length > 1_000) return null;
  return /^Bearer +(\S+)$/i.exec(authorization)?.[1] ?? null;
}

export const UNAUTHENTICATED =
  'A bearer token is needed: the header `Authorization: Bearer ek_…`, or in a WebSocket\'s connection_init `{"authorization":"Bearer ek_…"}`.';
