// The card of a model: figures over all clients, names only where they are asked for, and no markup of
// anybody else.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseDocument } from "yaml";
import { CardGatherer } from "../../../../infra/cli/export/models/cardFacts.ts";
import { modelCard } from "../../../../infra/cli/export/models/modelCard.ts";
import type { Round } from "../../../../shared/core/schemas/round.ts";
import { buildClient, buildRound, buildRun, buildSpec } from "../../../support/builders.ts";

function roundOf(round: number, clients: readonly string[], more: Partial<Round> = {}): Round {
  const consumed = clients.map((clientId) => ({
    round,
    clientId,
    attempt: 1,
    samples: 10 * round,
    staleness: 0,
    weight: 1 / clients.length,
  }));
  return buildRound({
    round,
    status: "closed",
    baseVersion: round - 1,
    newVersion: round,
    consumed,
    accuracy: null,
    loss: null,
    ...more,
  });
}

const gathered = (
  version: number,
  rounds: readonly Round[],
  setBacks?: ConstructorParameters<typeof CardGatherer>[1],
) => {
  const gatherer = new CardGatherer(version, setBacks);
  for (const round of rounds) if (gatherer.add(round) === "complete") break;
  return gatherer;
};
const ABC = ["a", "b", "c"];
const federated = {
  version: 1,
  clients: 3,
  samples: 60,
  metrics: { loss: { mean: 0.51234, worstDecile: 0.9, spread: 0.1, clients: 3 } },
};

describe("the facts of a version", () => {
  it("are of the rounds up to the one that made it, and of the scores that its clients gave it next", () => {
    const rounds = [roundOf(1, ABC), roundOf(2, ["d"], { federated }), roundOf(3, ["e"])];
    expect(gathered(1, rounds).facts([], false)).toMatchObject({
      rounds: 1,
      contributors: 3,
      updates: 3,
      samples: 30,
      federated,
      clients: null,
    });
    expect(gathered(3, rounds).facts([], false)).toMatchObject({
      rounds: 3,
      contributors: 5,
      samples: 30 + 20 + 30,
    });
  });

  it("of the initial weights are none", () => {
    expect(gathered(0, [roundOf(1, ABC)]).facts([], false)).toMatchObject({
      rounds: 0,
      contributors: 0,
      samples: null,
      scores: {},
    });
  });

  it("sum nothing up over fewer than three clients", () => {
    const clients = ["a", "b"].map((clientId) =>
      buildClient({ clientId, dataCard: { samples: 7, classes: 2 } }),
    );
    expect(
      gathered(1, [
        roundOf(1, ["a", "b"]),
        roundOf(2, [], { federated: { ...federated, clients: 2 } }),
      ]).facts(clients, false),
    ).toMatchObject({
      samples: null,
      statedSamples: null,
      statedClasses: null,
      federated: null,
    });
    const three = [...clients, buildClient({ clientId: "c", dataCard: { samples: 7, classes: 4 } })];
    const more = [...three, buildClient({ clientId: "z", dataCard: { samples: 1_000 } })];
    expect(gathered(1, [roundOf(1, ABC)]).facts(more, false), "nothing of who took no part").toMatchObject({
      samples: 30,
      statedSamples: 21,
      statedClasses: 4,
    });
  });

  it("leave out what led to a version that was left behind", () => {
    const setBacks = [{ version: 2, round: 2, goodVersion: 1, reason: "not finite" }];
    const rounds = [roundOf(1, ["a"]), roundOf(2, ["b"]), roundOf(3, ["c"], { baseVersion: 1 })];
    const names = (version: number) =>
      gathered(version, rounds, setBacks)
        .facts([], true)
        .clients?.map(({ clientId }) => clientId);
    expect(names(3)).toEqual(["a", "c"]);
    expect(names(2), "unless it is that one").toEqual(["a", "b"]);
  });
});

const hostile = '# x\n---\n| <script>`a`</script> [l](javascript:b) {{c}} "q"';

describe("a card", () => {
  const facts = gathered(1, [
    roundOf(1, ABC, { accuracy: 0.5, loss: 1e-7, metrics: { accuracy: 0.5, loss: 1e-7 } }),
  ]);
  const card = (withClients: boolean, run = buildRun({ spec: buildSpec({ name: hostile }) })) =>
    modelCard({
      run,
      version: 1,
      format: "keras",
      facts: facts.facts([buildClient({ clientId: "a", dataCard: { description: hostile } })], withClients),
      release: "0.1.0",
      sha256: { "model.keras": "00" },
    });

  it("has a head of YAML with quoted texts, and numbers that any reader takes for numbers", () => {
    const [, head = ""] = card(false).split(/^---$/m);
    expect(head).toContain(`  - name: ${JSON.stringify(`${hostile}, version 1`)}\n`);
    expect(head).toContain('          - type: "loss"\n            value: 1.0e-7\n');
    expect(head.split("\n").filter((line) => /^[^ ]/.test(line))).toEqual([
      "library_name: keras",
      "tags:",
      "model-index:",
    ]);
  });

  /** What real names hardly have, and hostile ones may: control characters, ends of lines, half characters. */
  const anyText = fc.string({
    unit: fc.oneof(
      { weight: 3, arbitrary: fc.string({ unit: "binary", minLength: 1, maxLength: 1 }) },
      fc.integer({ min: 0, max: 0x9f }).map((code) => String.fromCharCode(code)),
      fc.constantFrom(
        "\u2028",
        "\u2029",
        "\ufeff",
        "\ufffe",
        "\uffff",
        "\ud800",
        "\udc00",
        "\u202e",
        '"',
        "\\",
        "-",
      ),
    ),
  });

  it("has a head that any reader of YAML reads, whatever the names are", () => {
    fc.assert(
      fc.property(anyText, (name) => {
        const written = card(false, buildRun({ spec: { ...buildSpec(), name } }));
        const head = written.slice("---\n".length, written.indexOf("\n---\n"));
        // YAML 1.2.2, 5.1, without what YAML 1.1 takes for the end of a line or of the file's start.
        expect(head).toMatch(
          /^[\t\n\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\u{10000}-\u{10ffff}]*$/u,
        );
        for (const version of ["1.1", "1.2"] as const) {
          const read = parseDocument(head, { version });
          expect([...read.errors, ...read.warnings]).toEqual([]);
          expect(read.toJS()).toEqual({
            library_name: "keras",
            tags: ["federated-learning", "fedstratus"],
            "model-index": [
              {
                name: `${name.toWellFormed()}, version 1`,
                results: [
                  {
                    task: { type: "other" },
                    dataset: { name: "the federation's test set", type: "private" },
                    metrics: [
                      { type: "accuracy", value: 0.5 },
                      { type: "loss", value: 1e-7 },
                    ],
                  },
                ],
              },
            ],
          });
        }
      }),
    );
  });

  it("has no control characters in its text, nor any that turn its direction, whatever owners write", () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const owner = buildClient({ clientId: "a", dataCard: { description: text } });
        const written = modelCard({
          run: buildRun({ spec: { ...buildSpec(), name: text } }),
          version: 1,
          format: "npz",
          facts: facts.facts([owner], true),
          release: "0.1.0",
          sha256: {},
        });
        expect(written).not.toMatch(/[^\P{Cc}\n]|[\u2028\u2029\u202a-\u202e\u2066-\u2069]|\p{Cs}/u);
        const line = written.split("\n").find((one) => one.startsWith("| a |")) ?? "";
        expect(line.replaceAll("\\\\", "").match(/(?<!\\)\|/g)).toHaveLength(5);
      }),
    );
  });

  it("shows texts of others as texts", () => {
    const [, , body = ""] = card(true).split(/^---$/m);
    expect(body).not.toMatch(/(?<!\\)<script|(?<!\\)\]\(javascript|^# x$/m);
    for (const line of body.split("\n").filter((one) => one.startsWith("| a |"))) {
      expect(line.match(/(?<!\\)\|/g)).toHaveLength(5);
    }
  });

  it("names clients only where it is asked for", () => {
    expect(card(false)).not.toContain("## Clients");
    expect(card(true)).toContain("## Clients");
  });

  it("says which version of another run it began with", () => {
    expect(card(false)).not.toContain("began with");
    const weights = { object: "o", partial: false, from: { runId: "ward-1", version: 4 } };
    const spec = { ...buildSpec(), model: { builtin: "tiny-mlp", weights } };
    expect(card(false, buildRun({ spec }))).toContain("| began with | version 4 of run `ward-1` |");
  });

  it("says of privacy that there is none", () => {
    expect(card(false)).toContain("| differential privacy | none |");
    expect(card(false)).toMatch(/\| secure aggregation \| none: /);
  });
});
