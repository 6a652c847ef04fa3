// Clipping by the client: an update of a larger norm is shortened to it (McMahan et al. 2018, algorithm 1,
// FlatClip).
import { l2Norm } from "../../../updates/norm.ts";
import { clipScale } from "../norm-bound/index.ts";
import type { UpdateMethod } from "../updateMethod.ts";
import type { ClipOptions } from "./face.ts";

/** Values are rounded to 32 bits, and the norm of the rounded ones must not be above the bound. */
const ROUNDING = 1e-6;

export const behaviour: UpdateMethod<ClipOptions> = {
  transform: {
    client(delta, { maxNorm: max }) {
      const scale = clipScale(l2Norm(delta), { action: "clip", max });
      if (scale === 1) return;
      for (const { values } of delta) {
        for (let i = 0; i < values.length; i++) values[i] = (values[i] ?? 0) * scale * (1 - ROUNDING);
      }
    },
  },
};
