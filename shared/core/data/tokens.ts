// Texts as numbers of their words or characters, by a vocabulary that the features file fixes.

/** What stands for a token that is not in the vocabulary, and for its first entry; 0 is padding. */
const UNKNOWN = 1;
const FIRST = 2;

export interface Tokens {
  readonly unit: "words" | "characters";
  readonly vocabulary: readonly string[];
  readonly lowerCase: boolean;
}

/**
 * Numbers the tokens of texts. Words are runs of letters, digits, apostrophes and hyphens; characters are
 * Unicode's code points. At most `most` tokens are read.
 */
export function tokenizer({ unit, vocabulary, lowerCase }: Tokens): (text: string, most: number) => number[] {
  const cased = (text: string) => (lowerCase ? text.toLowerCase() : text);
  const numbers = new Map(vocabulary.map((token, i) => [cased(token), i + FIRST]));
  const numberOf = (token: string) => numbers.get(token) ?? UNKNOWN;
  return (text, most) => {
    const found: number[] = [];
    if (unit === "characters") {
      for (const character of cased(text)) {
        if (found.length === most) break;
        found.push(numberOf(character));
      }
      return found;
    }
    for (const [word] of cased(text).matchAll(/[\p{L}\p{N}'’-]+/gu)) {
      if (found.length === most) break;
      found.push(numberOf(word));
    }
    return found;
  };
}
