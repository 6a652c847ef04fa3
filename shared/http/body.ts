// Bodies as JSON: bytes, media type and text are checked, and problems are reported without any content of
// the body.
import { FlError } from "../core/errors.ts";
import type { HttpRequest } from "./message.ts";
import { badInput } from "./parse.ts";

/**
 * The JSON of a body; an object without fields where there is none.
 *
 * @throws FlError("unsupported-media-type") for another media type or none, FlError("invalid-argument") for
 *   what is not JSON in UTF-8, and whatever reading the body throws.
 */
export async function jsonBody(request: HttpRequest, maxBytes: number): Promise<unknown> {
  const bytes = await request.readBody(maxBytes);
  if (bytes.byteLength === 0) return {};
  requireJson(request.headers["content-type"]);
  return parseJson(bytes);
}

/** For calls that take no body; an object without fields is as good as none. Throws as `jsonBody` does. */
export async function emptyBody(request: HttpRequest, maxBytes: number): Promise<unknown> {
  const bytes = await request.readBody(maxBytes);
  const text = new TextDecoder().decode(bytes).trim();
  if (text !== "" && !/^\{\s*\}$/.test(text)) {
    throw badInput([{ path: "", message: "this call takes no body" }]);
  }
  return {};
}

function requireJson(contentType = ""): void {
  const [type = "", ...parameters] = contentType.split(";").map((part) => part.trim().toLowerCase());
  const charset = parameters.find((parameter) => parameter.startsWith("charset="));
  const isJson = type === "application/json" && /^(charset="?utf-?8"?)?$/.test(charset ?? "");
  if (isJson) return;
  const have =
    contentType === "" ? "The body has no content-type" : "The body is not application/json in UTF-8";
  throw new FlError("unsupported-media-type", `${have}: send it as content-type: application/json.`);
}

function parseJson(bytes: Uint8Array): unknown {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw badInput([{ path: "", message: "the body is not UTF-8 text" }]);
  }
  try {
    return JSON.parse(text);
  } catch {
    // The parser's own words quote the body.
    throw badInput([{ path: "", message: "the body is not JSON" }]);
  }
}
