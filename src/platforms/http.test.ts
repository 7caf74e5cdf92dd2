import type * as NodeDns from "node:dns";
import { once } from "node:events";
import { createServer as createHttpServer, Server as HttpServer, type RequestListener } from "node:http";
import { type AddressInfo, createServer, type Server } from "node:net";
import { describe, expect, test, vi } from "vitest";
import { z } from "zod";
import {
  createHttp,
  failureOfStatus,
  forbiddenStoreUrl,
  type HttpAnswer,
  type HttpResult,
  isPublicAddress,
  parseJson,
  retryAfterMs,
  scrub,
} from "./http.js";

/** What the machine's resolver says, so that no test asks a network. All pass for public names by their spelling. */
const RESOLVES: Readonly<Record<string, readonly string[]>> = {
  "rebound.shop.example": ["127.0.0.1"],
  "half.shop.example": ["93.184.215.14", "127.0.0.1"],
  "mapped.shop.example": ["::ffff:127.0.0.1"],
  "six.shop.example": ["::1"],
  "metadata.shop.example": ["169.254.169.254"],
  "localhost.localdomain": ["127.0.0.1"],
  "localhost..": ["127.0.0.1"],
  "127.0.0.1..": ["127.0.0.1"],
};

vi.mock("node:dns", async (importOriginal) => {
  const dns = await importOriginal<typeof NodeDns>();
  type Callback = (error: Error | null, found: readonly { address: string; family: number }[]) => void;
  const lookup = (name: string, options: { readonly all: true }, callback: Callback): void => {
    const found = RESOLVES[name];
    if (!found) {
      dns.lookup(name, options, callback);
      return;
    }
    process.nextTick(() => {
      callback(
        null,
        found.map((address) => ({ address, family: address.includes(":") ? 6 : 4 })),
      );
    });
  };
  return { ...dns, lookup };
});

interface Canary extends AsyncDisposable {
  readonly port: number;
  /** How many connections have reached it. */
  touched(): number;
}

async function aCanary(): Promise<Canary> {
  let touched = 0;
  const server = createServer((socket) => {
    touched += 1;
    socket.destroy();
  });
  return { port: await listen(server), touched: () => touched, [Symbol.asyncDispose]: () => closed(server) };
}

async function aShop(answer: RequestListener): Promise<AsyncDisposable & { readonly url: string }> {
  const server = createHttpServer(answer);
  const url = `http://127.0.0.1:${String(await listen(server))}`;
  return { url, [Symbol.asyncDispose]: () => closed(server) };
}

async function listen(server: Server): Promise<number> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

async function closed(server: Server): Promise<void> {
  server.close();
  if (server instanceof HttpServer) server.closeAllConnections();
  await once(server, "close");
}

async function ask(url: string, { allowPrivateStores = true, deadlineMs = 30_000 } = {}): Promise<HttpResult> {
  const http = createHttp({ allowPrivateStores });
  const result = await http.call({ method: "GET", url, signal: new AbortController().signal, deadlineMs });
  await http.close();
  return result;
}

const ONLY_PUBLIC = { allowPrivateStores: false };

/** Each with the network that it is of, so that a gap is seen by its name. */
const FORBIDDEN_ADDRESSES = [
  ["::127.0.0.1", "loopback in the deprecated compatible form"],
  ["4000::1", "IPv6 that nobody was given"],
  ["e000::1", "IPv6 that nobody was given"],
  ["fe00::1", "IPv6 that nobody was given"],
  ["::ffff:8.8.8.8", "IPv4 in IPv6"],
  ["168.63.129.16", "the cloud's own"],
  ["0.0.0.0", "this host"],
  ["0.1.2.3", "this network"],
  ["10.0.0.1", "private"],
  ["10.255.255.255", "private"],
  ["100.64.0.1", "carrier-grade NAT"],
  ["100.127.255.254", "carrier-grade NAT"],
  ["127.0.0.1", "loopback"],
  ["127.8.8.8", "loopback"],
  ["127.255.255.254", "loopback"],
  ["169.254.0.1", "link-local"],
  ["169.254.169.254", "cloud metadata"],
  ["169.254.170.2", "container credentials"],
  ["172.16.0.1", "private"],
  ["172.31.255.255", "private"],
  ["192.0.0.1", "protocol assignments"],
  ["192.0.0.192", "cloud metadata"],
  ["192.0.2.1", "documentation"],
  ["192.88.99.1", "6to4 relay"],
  ["192.168.0.1", "private"],
  ["192.168.255.255", "private"],
  ["198.18.0.1", "benchmarking"],
  ["198.19.255.255", "benchmarking"],
  ["198.51.100.1", "documentation"],
  ["203.0.113.1", "documentation"],
  ["224.0.0.1", "multicast"],
  ["239.255.255.255", "multicast"],
  ["240.0.0.1", "reserved"],
  ["255.255.255.255", "broadcast"],
  ["::", "unspecified"],
  ["::1", "loopback"],
  ["::ffff:127.0.0.1", "mapped loopback"],
  ["::ffff:10.0.0.1", "mapped private"],
  ["::ffff:a9fe:a9fe", "mapped cloud metadata"],
  ["::ffff:0:7f00:1", "translated loopback"],
  ["64:ff9b::7f00:1", "NAT64 of loopback"],
  ["64:ff9b::a00:1", "NAT64 of private"],
  ["64:ff9b:1::a00:1", "local NAT64"],
  ["100::1", "discard"],
  ["2001::1", "Teredo"],
  ["2001:0:7f00:1::", "Teredo"],
  ["2001:2::1", "benchmarking"],
  ["2001:20::1", "ORCHID"],
  ["2001:db8::1", "documentation"],
  ["2002:7f00:1::", "6to4 of loopback"],
  ["2002:a00:1::1", "6to4 of private"],
  ["3fff::1", "documentation"],
  ["fc00::1", "unique local"],
  ["fd00:ec2::254", "cloud metadata"],
  ["fdff:ffff::1", "unique local"],
  ["fe80::1", "link-local"],
  ["fec0::1", "site-local"],
  ["ff02::1", "multicast"],
] as const;

/** Loopback, private or local under other names; most are 127.0.0.1. */
const FORBIDDEN_SPELLINGS = [
  "https://127.1/",
  "https://0/",
  "https://2130706433/",
  "https://0x7f000001/",
  "https://0x7f.1/",
  "https://0177.0.0.1/",
  "https://017700000001/",
  "https://127.0.0.1./",
  "https://①②⑦.⓪.⓪.①/",
  "https://127。0。0。1/",
  "https://%31%32%37.0.0.1/",
  "https:127.0.0.1",
  "https:\\\\127.0.0.1\\",
  "https:///127.0.0.1/",
  " https://127.0.0.1/ ",
  "HTTPS://LOCALHOST/",
  "https://localhost./",
  "https://%6c%6f%63alhost/",
  "https://shop.localhost/",
  "https://[0:0:0:0:0:0:0:1]/",
  "https://[::ffff:7f00:1]:8443/",
  "https://[::ffff:127.0.0.1]/",
  "https://intranet/",
  "https://printer.local/",
  "https://metadata.google.internal/",
  "https://router.home.arpa/",
  "https://user@93.184.215.14/",
  "https://shop.example:secret@93.184.215.14/",
  "https://shop.example@127.0.0.1/",
  "http://shop.example/",
  "ftp://shop.example/",
  "file:///etc/passwd",
  "javascript:alert(1)",
  "//shop.example/",
  "shop.example",
  "",
];

const ALLOWED = [
  "https://shop.example/",
  "https://shop.example:8443/wp-json",
  "https://my-shop.myshopify.com",
  "https://münchen.example/",
  "https://local.shop.example/",
  "https://localhost.shop.example/",
  "https://1.1.1.1/",
  "https://93.184.215.14/",
  "https://9.255.255.255/",
  "https://11.0.0.1/",
  "https://100.63.255.255/",
  "https://100.128.0.1/",
  "https://172.15.255.255/",
  "https://172.32.0.1/",
  "https://192.167.255.255/",
  "https://192.169.0.1/",
  "https://223.255.255.254/",
  "https://[2606:4700:4700::1111]/",
  "https://[2a00:1450:4001:82a::200e]/",
];

describe("a store's URL, where private stores are not allowed,", () => {
  test.each(FORBIDDEN_ADDRESSES)("is refused at %s (%s)", (address) => {
    const host = address.includes(":") ? `[${address}]` : address;
    expect(forbiddenStoreUrl(`https://${host}/`, ONLY_PUBLIC)).not.toBeNull();
    expect(isPublicAddress(address)).toBe(false);
  });

  test.each(FORBIDDEN_SPELLINGS)("is refused as %j", (url) => {
    expect(forbiddenStoreUrl(url, ONLY_PUBLIC)).not.toBeNull();
  });

  test.each(ALLOWED)("is allowed as %s", (url) => {
    expect(forbiddenStoreUrl(url, ONLY_PUBLIC)).toBeNull();
  });

  test.each([...FORBIDDEN_SPELLINGS, "https://[::1]/"])("is not called as %j", async (url) => {
    expect(await ask(url, ONLY_PUBLIC)).toMatchObject({
      ok: false,
      failure: { kind: "rejected", code: "VALIDATION_REJECTED" },
    });
  });
});

test("where private stores are allowed, any http or https URL without a password is", () => {
  const options = { allowPrivateStores: true };
  for (const url of ["http://127.0.0.1:9000/", "https://localhost/", "http://[::1]/", "https://shop.example/"])
    expect(forbiddenStoreUrl(url, options)).toBeNull();
  for (const url of ["ftp://127.0.0.1/", "file:///etc/passwd", "http://me:secret@127.0.0.1/", "127.0.0.1", ""])
    expect(forbiddenStoreUrl(url, options)).not.toBeNull();
});

describe("a name that resolves to a private address", () => {
  test.each(Object.keys(RESOLVES))("is refused when connecting, and nothing is reached: %s", async (name) => {
    await using canary = await aCanary();
    const url = `https://${name}:${String(canary.port)}/`;
    expect(forbiddenStoreUrl(url, ONLY_PUBLIC)).toBeNull();
    expect(await ask(url, ONLY_PUBLIC)).toMatchObject({
      ok: false,
      failure: { kind: "rejected", code: "VALIDATION_REJECTED" },
    });
    expect(canary.touched()).toBe(0);
  });

  test.each(["localhost", "localhost.", "LOCALHOST", "a.localhost", "a.localhost.", "ip6-localhost"])(
    "of this machine reaches nothing: %s",
    async (name) => {
      await using canary = await aCanary();
      expect(await ask(`https://${name}:${String(canary.port)}/`, ONLY_PUBLIC)).toMatchObject({ ok: false });
      expect(canary.touched()).toBe(0);
    },
  );

  test("is reached where private stores are allowed", async () => {
    await using canary = await aCanary();
    expect(await ask(`http://localhost:${String(canary.port)}/`)).toMatchObject({
      ok: false,
      failure: { kind: "unavailable", code: "PLATFORM_UNAVAILABLE", scope: "store" },
    });
    expect(canary.touched()).toBe(1);
  });
});

test.each([301, 302, 303, 307, 308])("a redirect (%i) is an answer and is not followed", async (status) => {
  await using canary = await aCanary();
  await using shop = await aShop((_request, response) => {
    response.writeHead(status, { location: `http://127.0.0.1:${String(canary.port)}/` }).end("elsewhere");
  });
  const result = await ask(shop.url);
  expect(result.ok && [result.answer.status, result.answer.text]).toEqual([status, "elsewhere"]);
  expect(canary.touched()).toBe(0);
});

test("an answer that does not come by the deadline is a time-out of the store, also once it has begun", async () => {
  const late = { ok: false, failure: { kind: "unavailable", code: "TIMEOUT", scope: "store" } };
  await using silent = await aShop(() => undefined);
  expect(await ask(silent.url, { deadlineMs: 50 })).toMatchObject(late);
  await using begun = await aShop((_request, response) => {
    response.writeHead(200).write("{");
  });
  expect(await ask(begun.url, { deadlineMs: 200 })).toMatchObject(late);
});

test("an answer without an end is given up", async () => {
  await using shop = await aShop((_request, response) => {
    const chunk = Buffer.alloc(1024 * 1024);
    const more = (): void => {
      while (!response.destroyed && response.write(chunk));
    };
    response.on("drain", more);
    more();
  });
  expect(await ask(shop.url)).toMatchObject({ ok: false, failure: { kind: "unavailable", scope: "store" } });
});

function anAnswer(status: number, headers: Readonly<Record<string, string>> = {}, text = ""): HttpAnswer {
  return { status, header: (name) => headers[name] ?? null, text };
}

test.each([
  ["7", 7_000],
  [" 7 ", 7_000],
  ["0", 0],
  ["1.5", 1_500],
  ["Tue, 24 Nov 2026 04:00:30 GMT", 30_000],
  ["Tue, 24 Nov 2026 03:59:00 GMT", 0],
  ["3600", 600_000],
  ["Wed, 25 Nov 2026 04:00:00 GMT", 600_000],
  ["99999999999999999999", 600_000],
  ["soon", 2_000],
  ["", 2_000],
  ["-", 2_000],
  ["NaN", 2_000],
  ["Infinity", 2_000],
] as const)("Retry-After: %s waits %i ms", (header, ms) => {
  const now = Date.parse("2026-11-24T04:00:00Z");
  expect(retryAfterMs(anAnswer(429, { "retry-after": header }), now)).toBe(ms);
});

test("without Retry-After the wait is 2 s", () => {
  expect(retryAfterMs(anAnswer(429))).toBe(2_000);
});

test.each([
  [301, { kind: "unavailable", code: "PLATFORM_UNAVAILABLE", scope: "store" }],
  [400, { kind: "rejected", code: "VALIDATION_REJECTED" }],
  [401, { kind: "rejected", code: "CREDENTIALS_INVALID" }],
  [403, { kind: "rejected", code: "CREDENTIALS_INVALID" }],
  [408, { kind: "unavailable", code: "TIMEOUT", scope: "store" }],
  [410, { kind: "gone" }],
  [429, { kind: "throttled", retryAfterMs: 2_000 }],
  [500, { kind: "unavailable", code: "PLATFORM_UNAVAILABLE", scope: "store" }],
  [503, { kind: "unavailable", code: "PLATFORM_UNAVAILABLE", scope: "store" }],
] as const)("HTTP %i means what its status says", (status, failure) => {
  expect(failureOfStatus(anAnswer(status), "words")).toMatchObject(failure);
});

describe("a platform's words", () => {
  const secret = "shpat_0123/45+67==";

  test.each([
    ["as they are", secret],
    ["in a URL", encodeURIComponent(secret)],
    ["in base64", Buffer.from(secret).toString("base64")],
  ])("lose every secret %s", (_title, spelling) => {
    const words = scrub(`Token ${spelling} of (${spelling}) is wrong`, [secret]);
    expect(words).toBe("Token … of (…) is wrong");
  });

  test("lose markup, control characters and line ends", () => {
    expect(scrub("<h1 class='x'>Not\u0000 \u2028 found</h1>\r\n\t<p>Sorry\u001b[31m</p>", [])).toBe(
      "Not found Sorry [31m",
    );
  });

  test("are at most 300 characters, also where they were millions", () => {
    expect(scrub("x".repeat(300), [])).toBe("x".repeat(300));
    expect(scrub("x".repeat(5_000_000), [])).toBe(`${"x".repeat(299)}…`);
  });

  test("keep what is only as short as a word", () => {
    expect(scrub("a cat sat", ["cat", ""])).toBe("a cat sat");
  });
});

test("a body of another shape, or none, is null", () => {
  const shape = z.object({ id: z.number() });
  expect(parseJson(shape, '{"id":1,"more":2}')).toEqual({ id: 1 });
  for (const text of ["", "null", "[]", '{"id":"1"}', '{"id":1', "<html>"]) expect(parseJson(shape, text)).toBeNull();
});
