// How many cases a property plays that does not say it: fewer in the quick tier.
import fc from "fast-check";
import { runs } from "./tier.ts";

fc.configureGlobal({ numRuns: runs(100) });
