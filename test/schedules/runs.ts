/** How long property tests run: `QLOOM_TEST_RUNS=20 npx vitest run test/schedules` tries twenty times as much as by default. */
export const runs = (byDefault: number): number => Math.ceil(byDefault * Number(process.env["QLOOM_TEST_RUNS"] ?? 1));
