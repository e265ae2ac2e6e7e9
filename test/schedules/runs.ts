/** How long property tests run: `QLOOM_TEST_RUNS=20 npx vitest run test/schedules` tries twenty times as much as by default. */
const factor = Number(process.env["QLOOM_TEST_RUNS"] ?? 1);

export const runs = (byDefault: number): number => Math.ceil(byDefault * factor);

/** Milliseconds after which a test that does `runs` gives up. */
export const patience: number = 20_000 * Math.max(1, factor);
