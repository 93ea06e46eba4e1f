import type { Planted } from "./plant.ts"

/** Wrong about who introduced whom. */
export const certifying: readonly Planted[] = [
  {
    how: "knows of no certification",
    caught: [
      "A21: a certifier that expired since still counts, one that had expired before does not",
      "A21: a certifier that was superseded since still counts, one that was compromised does not",
    ],
    plant: () => ({ certifiedBy: async () => [] }),
  },
  {
    how: "takes whoever it is asked about for a certifier",
    caught: [
      "A4: a certification of another key, moved here, counts for nothing",
      "certifiedBy names who certified the User ID, and nobody who did not",
    ],
    plant: () => ({ certifiedBy: async (_, options) => options.by.map((one) => one.fingerprint) }),
  },
  {
    how: "minimizes certifications away that it was told to keep",
    caught: ["R49: minimize keeps the certifications it is told to keep, once each, and no other"],
    plant: (good) => ({ minimize: (bytes, { keepCertifiedBy: _, ...options }) => good.minimize(bytes, options) }),
  },
  {
    how: "adopts nothing",
    caught: ["adopt: the secret key takes over what its certificate says, and is exported with it"],
    plant: ({ lifecycle }) =>
      lifecycle === undefined ? {} : { lifecycle: { ...lifecycle, adopt: async (key) => key } },
  },
]
