// The program that runs the suite.

import { main } from "./suite.ts";

await main();
