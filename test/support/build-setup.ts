/** Builds `dist/` once per run, for the tests that start the gateway as its users do. */
import { execa } from "execa";

export async function setup(): Promise<void> {
  await execa("npm", ["run", "--silent", "build"], { stdio: ["ignore", "pipe", "inherit"] });
}
