// The name of a profile on a command line.
import { arg } from "../../frame/values.ts";

export const nameArg = arg.text("<name>", "the profile's name");
