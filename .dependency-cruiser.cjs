/**
 * Imports point one way: entities, policy ← sync ← resolvers ← server ← gateway.ts ← main.ts; connectors hang on the port.
 * Each rule lists what a layer may see, so that a new folder is closed to all until somebody opens it here.
 */

/** What is ours, as against packages and Node. */
const OURS = "^(src|sandbox|bench|migrations|scripts|test)/";
const TEST = "[.]test[.]ts$";
const ROOT = "^src/(main|gateway)[.]ts$";
const PORT = "^src/platforms/platform[.]ts$";
/** Ids and enums of the contract: open to every layer. */
const TERMS = "^src/terms[.]ts$";
const LOG = "^src/log[.]ts$";

/** A layer of ours that imports nothing of ours but itself and these. Packages are free. */
const layer = (name, path, mayImport, comment) => ({
  name,
  comment,
  severity: "error",
  from: { path, pathNot: TEST },
  to: { path: OURS, pathNot: [path, TERMS, ...mayImport] },
});

module.exports = {
  forbidden: [
    // ───────────── pure ground ─────────────
    layer(
      "ground-stands-on-nothing",
      "^src/(terms|config|log)[.]ts$",
      [],
      "Everything may import these, so they import nothing of ours.",
    ),
    {
      name: "policy-is-pure",
      comment: "Time, chance and state come in as arguments and a value goes out: no package, no Node, no row, no I/O.",
      severity: "error",
      from: { path: "^src/policy/", pathNot: TEST },
      to: { pathNot: ["^src/policy/", TERMS, PORT] },
    },
    {
      name: "policy-knows-the-port-by-type",
      comment: "Policy switches over what a platform may answer; it never calls one.",
      severity: "error",
      from: { path: "^src/policy/", pathNot: TEST },
      to: { path: PORT, dependencyTypesNot: ["type-only"] },
    },
    {
      name: "entities-are-rows",
      comment: "Rows and relations only; whoever needs a sum or a decision is in sync or policy.",
      severity: "error",
      from: { path: "^src/entities/", pathNot: TEST },
      to: { pathNot: ["^src/entities/", TERMS, "^node_modules/typeorm/"] },
    },
    {
      name: "migrations-stand-alone",
      comment:
        "A migration does the same on the day it is written and years later: it sees no code of ours that changes.",
      severity: "error",
      from: { path: "^migrations/" },
      to: { path: OURS, pathNot: "^migrations/" },
    },

    // ───────────── platforms ─────────────
    layer(
      "port-names-no-platform",
      PORT,
      [],
      "The engine's view of a shop: terms and types, so that any shop fits it.",
    ),
    layer(
      "http-serves-the-port",
      "^src/platforms/http[.]ts$",
      [PORT],
      "What connectors share of HTTP; no connector, no engine.",
    ),
    {
      name: "connectors-hang-on-the-port",
      comment:
        "A connector sees the port, HTTP, terms, packages and its own folder: no policy, no rows, no other connector.",
      severity: "error",
      from: { path: "^src/platforms/([^/]+)/" },
      to: { path: OURS, pathNot: ["^src/platforms/$1/", "^src/platforms/(platform|http)[.]ts$", TERMS] },
    },
    {
      name: "only-the-root-names-connectors",
      comment: "A new platform is one folder and one line in the composition root.",
      severity: "error",
      from: { path: "^(src|sandbox|migrations|scripts)/", pathNot: [ROOT, "^src/platforms/"] },
      to: { path: "^src/platforms/[^/]+/" },
    },

    // ───────────── engine, API, server ─────────────
    layer(
      "sync-knows-no-api-and-no-shop",
      "^src/sync/",
      ["^src/(entities|policy)/", "^src/prepared[.]ts$", PORT, LOG],
      "The engine works the same under any API and any platform: neither resolvers, schema and server nor a connector.",
    ),
    layer(
      "schema-is-a-surface",
      "^src/schema/",
      [],
      "The API's shapes are not the rows': never entities, resolvers or sync, or a column's name is a promise to clients.",
    ),
    layer(
      "access-reads-tokens",
      "^src/access/",
      ["^src/sync/(sql|user-mistake)[.]ts$"],
      "Who asks, and what they may see; every layer above relies on it, so it relies on next to nothing.",
    ),
    layer(
      "resolvers-are-one-call-deep",
      "^src/resolvers/",
      ["^src/(schema|entities|policy|sync|access)/", LOG],
      "Resolvers ask the engine; they never speak to a platform or know how they are served.",
    ),
    layer(
      "server-only-serves",
      "^src/server/",
      ["^src/(schema|resolvers|sync|access)/", LOG],
      "HTTP, WebSocket and health around the schema: no rows, no platforms.",
    ),
    layer(
      "demo-uses-what-users-use",
      "^src/demo/",
      ["^src/(sync|access)/", LOG, "^sandbox/"],
      "The demo fills a gateway through the engine's own functions; nothing of the product depends on it.",
    ),
    {
      name: "only-the-root-starts-the-demo",
      comment: "Without EVENKEEL_DEMO no line of it runs.",
      severity: "error",
      from: { path: "^src/", pathNot: [ROOT, "^src/demo/"] },
      to: { path: "^src/demo/" },
    },
    {
      name: "nobody-imports-the-root",
      comment:
        "main.ts and gateway.ts put the parts together; a part that needs the whole has the arrow the wrong way round.",
      severity: "error",
      from: { path: "^(src|sandbox|migrations)/", pathNot: "^src/main[.]ts$" },
      to: { path: ROOT },
    },

    // ───────────── sandbox, tests ─────────────
    {
      name: "sandbox-is-a-shop-of-its-own",
      comment: "A sandbox that shared code with us would share our misunderstandings of a platform too.",
      severity: "error",
      from: { path: "^sandbox/" },
      to: { path: OURS, pathNot: ["^sandbox/", TERMS] },
    },
    {
      name: "sandbox-takes-only-types-of-terms",
      comment: "As above: words may be shared, code may not.",
      severity: "error",
      from: { path: "^sandbox/" },
      to: { path: TERMS, dependencyTypesNot: ["type-only"] },
    },
    {
      name: "src-knows-no-sandbox",
      comment: "Connectors cannot know the sandbox from the real thing; only the demo starts one.",
      severity: "error",
      from: { path: "^src/", pathNot: [ROOT, "^src/demo/", TEST] },
      to: { path: "^sandbox/" },
    },
    {
      name: "product-without-tests",
      comment: "What is built and run does not reach for tests, benchmarks or scripts.",
      severity: "error",
      from: { path: "^(src|sandbox|migrations)/", pathNot: TEST },
      to: { path: ["^(test|bench|scripts)/", TEST] },
    },
    {
      name: "product-without-dev-dependencies",
      comment: "`npm ci --omit=dev` must be enough to run it; types are gone by then.",
      severity: "error",
      from: { path: "^(src|sandbox|migrations)/", pathNot: TEST },
      to: { dependencyTypes: ["npm-dev"], dependencyTypesNot: ["type-only", "npm"], pathNot: "^node_modules/@types/" },
    },

    // ───────────── everywhere ─────────────
    {
      name: "no-cycles",
      comment: "Two files that need each other are one file, or miss a third.",
      severity: "error",
      from: {},
      to: { circular: true },
    },
    {
      name: "no-unresolved-imports",
      comment: "An import that this check cannot follow is an import that it cannot judge.",
      severity: "error",
      from: {},
      to: { couldNotResolve: true },
    },
  ],
  options: {
    doNotFollow: { path: "^node_modules/" },
    // Type imports are imports too: a layer that knows another's types depends on it.
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
    enhancedResolveOptions: {
      exportsFields: ["exports"],
      conditionNames: ["import", "types", "node", "default"],
      mainFields: ["main", "types"],
    },
  },
};
