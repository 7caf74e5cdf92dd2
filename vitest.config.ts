import { defineConfig } from "vitest/config";

// Node's own resolution and Vite's find two copies of graphql otherwise, and schemas are "from another realm".
const alias = [{ find: /^graphql$/, replacement: "graphql/index.js" }];
const onPostgres = {
  globalSetup: ["test/support/postgres-setup.ts", "test/support/redis-setup.ts"],
  testTimeout: 120_000,
  hookTimeout: 120_000,
};

export default defineConfig({
  resolve: { alias },
  test: {
    // Two cores: more at once only take each other's time.
    maxWorkers: 2,
    projects: [
      { extends: true, test: { name: "unit", include: ["src/**/*.test.ts"] } },
      { extends: true, test: { name: "conformance", include: ["test/conformance/**/*.test.ts"], testTimeout: 60_000 } },
      { extends: true, test: { name: "integration", include: ["test/integration/**/*.test.ts"], ...onPostgres } },
      {
        extends: true,
        test: {
          name: "e2e",
          include: ["test/e2e/**/*.test.ts"],
          ...onPostgres,
          // What they start is the built gateway.
          globalSetup: ["test/support/build-setup.ts", ...onPostgres.globalSetup],
        },
      },
      // A real shop, which is installed first: `npm run test:medusa`.
      ...(process.env["REAL_SHOPS"] === "on"
        ? [
            {
              extends: true as const,
              test: {
                name: "real",
                include: ["test/real/**/*.test.ts"],
                ...onPostgres,
                testTimeout: 1_800_000,
                hookTimeout: 900_000,
              },
            },
          ]
        : []),
    ],
  },
});
