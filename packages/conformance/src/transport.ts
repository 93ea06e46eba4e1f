import { childElement, element, toBareJid } from "@aurochs/core"
import { discoInfo, iq, namespaces, pubsub } from "@aurochs/xml"
import { expect } from "vitest"
import { type Case, describeCases, type SuiteOptions } from "./case.ts"
import {
  ask,
  bodyOf,
  bothOnline,
  chat,
  expectCode,
  online,
  question,
  soon,
  type TransportSubject,
  take,
} from "./transport-help.ts"

/**
 * What every {@link Transport} must do.
 *
 * @param name of the adapter
 * @param make two transports of two accounts that can reach each other, not connected yet
 */
export function describeTransport(name: string, make: () => Promise<TransportSubject>, options?: SuiteOptions): void {
  describeCases(`Transport: ${name}`, transportCases, make, options, (subject) => subject.dispose())
}

/** The cases of {@link describeTransport}. */
export const transportCases: readonly Case<TransportSubject>[] = [
  {
    title: "sessions() connects and tells the account's full JID",
    async run({ a }) {
      expect(toBareJid(await online(a))).toBe(a.account)
    },
  },
  {
    title: "sessions() tells a later consumer of the session there is",
    async run({ a }) {
      const self = await online(a)
      expect(await online(a)).toBe(self)
    },
  },
  {
    title: "sessions() ends when its signal is aborted, and the connection stays",
    async run(subject) {
      const jids = await bothOnline(subject)
      const abort = new AbortController()
      const seen: string[] = []
      const loop = async () => {
        for await (const { self } of subject.a.sessions({ signal: abort.signal })) {
          seen.push(self)
          abort.abort()
        }
      }
      await soon("the end of sessions()", loop())
      expect(seen).toEqual([jids.a])
      await soon("a message being sent", subject.a.send(chat(subject.b.account, "still here")))
    },
  },
  {
    title: "a message arrives as it was sent, with the sender's address",
    async run(subject) {
      const jids = await bothOnline(subject)
      const arriving = take(subject.b, 1)
      await soon("send()", subject.a.send(chat(jids.b, "quoth <the> \"raven\" & 'co'  \u{1f402}\n\ttab", "id-1")))
      const [delivery] = await arriving
      expect(bodyOf(delivery?.stanza ?? chat("", ""))).toBe("quoth <the> \"raven\" & 'co'  \u{1f402}\n\ttab")
      expect(delivery?.stanza).toMatchObject({ name: "message", namespace: namespaces.client })
      expect(delivery?.stanza.attributes).toMatchObject({ from: jids.a, type: "chat", id: "id-1" })
      expect(delivery?.via).toBe("live")
    },
  },
  {
    title: "emoji in many messages arrive whole, in order",
    async run(subject) {
      const jids = await bothOnline(subject)
      const texts = Array.from({ length: 60 }, (_, at) => `${at} ${"\u{1f402}é漢".repeat(at)}`)
      const arriving = take(subject.b, texts.length)
      await soon("sends", Promise.all(texts.map((text) => subject.a.send(chat(jids.b, text)))))
      expect((await arriving).map(({ stanza }) => bodyOf(stanza))).toEqual(texts)
    },
  },
  {
    title:
      "what is sent at once leaves in the order of the calls, also before there is a session; who gives up holds nobody up",
    async run({ a, b }) {
      await online(b)
      const over = new AbortController()
      // Whether it is written before or not.
      const given = a.send(chat(b.account, "given up"), { signal: over.signal }).catch(() => {})
      const sent = Array.from({ length: 40 }, (_, at) => a.send(chat(b.account, `number ${at}`)))
      over.abort()
      await given
      await online(a)
      sent.push(...Array.from({ length: 40 }, (_, at) => a.send(chat(b.account, `number ${40 + at}`))))
      const bodies: (string | undefined)[] = []
      while (bodies.at(-1) !== "number 79") bodies.push(...(await take(b, 1)).map(({ stanza }) => bodyOf(stanza)))
      expect(bodies.filter((body) => body !== "given up")).toEqual(
        Array.from({ length: 80 }, (_, at) => `number ${at}`),
      )
      await soon("all acknowledgements", Promise.all(sent))
    },
  },
  {
    title: "what arrives before anybody takes messages is not lost",
    async run(subject) {
      const jids = await bothOnline(subject)
      await soon("send()", subject.a.send(chat(jids.b, "early")))
      await soon("an answer", subject.a.request(iq({ type: "get", to: jids.b }, element("ping", namespaces.ping))))
      expect((await take(subject.b, 1)).map(({ stanza }) => bodyOf(stanza))).toEqual(["early"])
    },
  },
  {
    title: "a message of type error is delivered, too: senders need their bounces",
    async run(subject) {
      const jids = await bothOnline(subject)
      const arriving = take(subject.b, 1)
      const bounce = { ...chat(jids.b, "bounced"), attributes: { to: jids.b, type: "error" } }
      await soon("send()", subject.a.send(bounce))
      expect((await arriving)[0]?.stanza.attributes.type).toBe("error")
    },
  },
  {
    title: "an aborted send rejects with ABORTED and sends nothing",
    async run(subject) {
      const jids = await bothOnline(subject)
      const arriving = take(subject.b, 1)
      await expectCode(subject.a.send(chat(jids.b, "never"), { signal: AbortSignal.abort() }), "ABORTED")
      await soon("send()", subject.a.send(chat(jids.b, "after")))
      expect((await arriving).map(({ stanza }) => bodyOf(stanza))).toEqual(["after"])
    },
  },
  {
    title: "a stanza that XML cannot carry is refused with BAD_DATA, and the connection stays",
    async run(subject) {
      const jids = await bothOnline(subject)
      await expectCode(subject.a.send(chat(jids.b, "a\u0000b")), "BAD_DATA", { what: "xml" })
      await soon("send()", subject.a.send(chat(jids.b, "fine")))
    },
  },
  {
    title: "a request is answered by whom it was sent to",
    async run(subject) {
      const jids = await bothOnline(subject)
      using _answer = subject.b.answer(question, async (request) => {
        const asked = childElement(request, question.name, question.namespace)
        return element("answer", question.namespace, {}, [`${asked?.children.join("")} indeed`])
      })
      const answer = await soon("an answer", subject.a.request(ask(jids.b, "who")))
      expect(answer.attributes).toMatchObject({ type: "result", from: jids.b })
      expect(childElement(answer, "answer", question.namespace)?.children).toEqual(["who indeed"])
    },
  },
  {
    title: "requests at the same time each get their own answer",
    async run(subject) {
      const jids = await bothOnline(subject)
      using _answer = subject.b.answer(question, async (request) =>
        childElement(request, question.name, question.namespace),
      )
      const texts = ["one", "two", "three", "four"]
      const answers = texts.map((text) => subject.a.request(ask(jids.b, text)))
      const echoed = (await soon("answers", Promise.all(answers))).map(
        (answer) => childElement(answer, question.name, question.namespace)?.children[0],
      )
      expect(echoed).toEqual(texts)
    },
  },
  {
    title: "a handler that returns undefined lets the next one answer; nobody: service-unavailable",
    async run(subject) {
      const jids = await bothOnline(subject)
      using _silent = subject.b.answer(question, async () => undefined)
      const second = subject.b.answer(question, async () => element("second", question.namespace))
      const answer = await soon("an answer", subject.a.request(ask(jids.b)))
      expect(childElement(answer, "second", question.namespace)).toBeDefined()
      second[Symbol.dispose]()
      await expectCode(subject.a.request(ask(jids.b)), "STANZA_ERROR", { condition: "service-unavailable" })
    },
  },
  {
    title: "a handler that fails is answered with an error, and tells nothing of why",
    async run(subject) {
      const jids = await bothOnline(subject)
      using _broken = subject.b.answer(question, async () => {
        throw new Error("a secret reason")
      })
      const failing = subject.a.request(ask(jids.b))
      await expectCode(failing, "STANZA_ERROR", { condition: "internal-server-error" })
      expect(await failing.catch((error: Error) => error.message)).not.toContain("secret")
    },
  },
  {
    title: "a request that is not answered in time rejects with NETWORK, phase timeout",
    async run(subject) {
      const jids = await bothOnline(subject)
      using _mute = subject.b.answer(question, () => new Promise(() => {}))
      await expectCode(subject.a.request(ask(jids.b), { timeoutMs: 200 }), "NETWORK", { phase: "timeout" })
    },
  },
  {
    title: "an aborted request rejects with ABORTED",
    async run(subject) {
      const jids = await bothOnline(subject)
      using _mute = subject.b.answer(question, () => new Promise(() => {}))
      const abort = new AbortController()
      const request = subject.a.request(ask(jids.b), { signal: abort.signal })
      abort.abort()
      await expectCode(request, "ABORTED")
    },
  },
  {
    title: "an announced feature is discovered until it is disposed of",
    async run(subject) {
      const jids = await bothOnline(subject)
      const featuresOfB = async () => {
        const query = element("query", namespaces.discoInfo)
        const answer = await soon("disco#info", subject.a.request(iq({ type: "get", to: jids.b }, query)))
        return discoInfo.read(childElement(answer, "query", namespaces.discoInfo) ?? query).features
      }
      const feature = subject.b.feature(question.namespace)
      expect(await featuresOfB()).toEqual(expect.arrayContaining([question.namespace, namespaces.discoInfo]))
      feature[Symbol.dispose]()
      expect(await featuresOfB()).not.toContain(question.namespace)
    },
  },
  {
    title: "events() yields a PEP notification with its payload and its owner",
    async run(subject) {
      await bothOnline(subject)
      const node = "urn:aurochs:conformance:node"
      const events = subject.a.events(node)[Symbol.asyncIterator]()
      const arriving = events.next()
      const payload = element("thing", question.namespace, {}, ["payload"])
      // The server sends the newest item when it learns that we are interested, or as soon as it is published.
      await soon(
        "publishing",
        subject.a.request(iq({ type: "set" }, pubsub.publish({ node, itemId: "current", payload }))),
      )
      const { value } = await soon("an event", arriving)
      expect(value?.from).toBe(subject.a.account)
      expect(childElement(value?.item ?? payload, "thing", question.namespace)?.children).toEqual(["payload"])
      await events.return?.()
    },
  },
  {
    title: "disposing ends what is iterated, rejects what comes after, and may be done twice",
    async run(subject) {
      const jids = await bothOnline(subject)
      const loops = Promise.all([
        drain(subject.a.sessions()),
        drain(subject.a.messages()),
        drain(subject.a.events("urn:aurochs:conformance:node")),
      ])
      await soon("disposal", Promise.resolve(subject.a[Symbol.asyncDispose]()))
      await soon("the end of the loops", loops)
      await expectCode(subject.a.send(chat(jids.b, "late")), "NETWORK", { phase: "closed" })
      await expectCode(subject.a.request(ask(jids.b)), "NETWORK", { phase: "closed" })
      await soon("a second disposal", Promise.resolve(subject.a[Symbol.asyncDispose]()))
    },
  },
]

async function drain(values: AsyncIterable<unknown>): Promise<void> {
  for await (const _value of values);
}
