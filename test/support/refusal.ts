// The error of ours that a call ends with; a test fails when the call succeeds or fails otherwise.
import { FlError } from "../../shared/core/errors.ts";

export function refusal(act: () => unknown): FlError {
  try {
    act();
  } catch (error) {
    if (error instanceof FlError) return error;
    throw error;
  }
  throw new Error("It was not refused.");
}

export async function refusalOf(act: () => Promise<unknown>): Promise<FlError> {
  try {
    await act();
  } catch (error) {
    if (error instanceof FlError) return error;
    throw error;
  }
  throw new Error("It was not refused.");
}
