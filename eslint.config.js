/**
 * What needs types: awaited promises, exhaustive switches, no `any` that slips in. Layout and import order are Biome's, layers
 * dependency-cruiser's, unused names the compiler's, unused files and exports knip's: no rule has two owners.
 */
import { defineConfig, globalIgnores } from "eslint/config";
import tseslint from "typescript-eslint";

const NO_DEFAULT_EXPORT = "Named exports only: one name for one thing, wherever it is used.";

export default defineConfig(
  globalIgnores(["dist/", "coverage/", ".evenkeel/", "bench/results/", "scratch-*"]),
  {
    files: ["**/*.ts"],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    linterOptions: { reportUnusedDisableDirectives: "error" },
    rules: {
      // A union's switch names every case, so that a new one is found at compile time; a default serves the rest on purpose.
      "@typescript-eslint/switch-exhaustiveness-check": [
        "error",
        { considerDefaultExhaustiveForUnions: true, requireDefaultForNonUnion: true },
      ],
      // Safe for decorated parameters as long as emitDecoratorMetadata is off: every decorator states its type as a value.
      "@typescript-eslint/consistent-type-imports": ["error", { fixStyle: "inline-type-imports" }],
      "@typescript-eslint/consistent-type-exports": "error",
      "@typescript-eslint/explicit-module-boundary-types": "error",
      "no-restricted-syntax": [
        "error",
        { selector: "ExportDefaultDeclaration", message: NO_DEFAULT_EXPORT },
        { selector: "ExportSpecifier[exported.name='default']", message: NO_DEFAULT_EXPORT },
      ],
      // `== null` asks for null and undefined at once.
      eqeqeq: ["error", "always", { null: "ignore" }],

      // Loosened: a number has one text, and String() around each hides the sentence.
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true }],
      // Loosened: resolvers, inputs and object types are classes because their decorators ask for one.
      "@typescript-eslint/no-extraneous-class": ["error", { allowWithDecorator: true }],
      // Off: a resolver may return any object of its type's shape (style §2); no entity or object type has methods to lose.
      "@typescript-eslint/no-unsafe-class-instance-assignment": "off",
      // Off: the compiler's noUnusedLocals and noUnusedParameters say it already, and know `_`.
      "@typescript-eslint/no-unused-vars": "off",
    },
  },
  {
    files: ["src/resolvers/**/*.mutations.ts"],
    rules: {
      // Off: `@Mutation(() => …Payload)` stands above each and says what it answers.
      "@typescript-eslint/explicit-module-boundary-types": "off",
    },
  },
  {
    files: ["test/**/*.ts", "src/**/*.test.ts"],
    rules: {
      // Off: nobody but the tests themselves calls these, and a builder's inferred type is the precise one.
      "@typescript-eslint/explicit-module-boundary-types": "off",
      // Off: vitest's asymmetric matchers (`expect.any(…)`) are `any`, inside of objects and as results.
      "@typescript-eslint/no-unsafe-assignment": "off",
      "@typescript-eslint/no-unsafe-return": "off",
    },
  },
  {
    // Their tools read a default export.
    files: ["*.config.ts", "test/support/postgres-setup.ts", "test/support/redis-setup.ts"],
    rules: { "no-restricted-syntax": "off" },
  },
);
