/** A full Signal party: identity, prekeys and sessions, in memory, on the repository Baileys itself uses. */
import {
  Curve,
  DEFAULT_CONNECTION_CONFIG,
  encodeWAMessage,
  generateRegistrationId,
  generateSignalPubKey,
  proto,
  signedKeyPair,
  unpadRandomMax16,
} from "@whiskeysockets/baileys";
import type {
  KeyPair,
  SignalDataSet,
  SignalDataTypeMap,
  SignalKeyStoreWithTransaction,
} from "@whiskeysockets/baileys";
import { pino } from "pino";
import type { PreKeyBundle } from "./prekeys.ts";
import { SessionTrials } from "../../src/whatsapp/signal/session_trials.ts";
import { quietLibsignal } from "./quiet_libsignal.ts";

/** Signal's two kinds of message: `pkmsg` opens a session, `msg` continues one. */
export interface Ciphertext {
  type: "pkmsg" | "msg";
  ciphertext: Uint8Array;
}

/**
 * Keys in memory, for one operation at a time. Not Baileys' transactions: they find their changes by the asynchronous
 * context, and libsignal runs the jobs of all who write to one address in the context of whoever came first.
 */
function memoryKeys(trials: SessionTrials): SignalKeyStoreWithTransaction {
  const rows = new Map<string, unknown>();
  return {
    get<T extends keyof SignalDataTypeMap>(type: T, ids: string[]) {
      const found = ids.filter((id) => rows.has(`${type}/${id}`)).map((
        id,
      ) => [id, trials.shown(id, rows.get(`${type}/${id}`))]);
      return Object.fromEntries(found) as { [id: string]: SignalDataTypeMap[T] };
    },
    set(data: SignalDataSet) {
      for (const [type, values] of Object.entries(data)) {
        for (const [id, value] of Object.entries(values)) {
          if (value === null) rows.delete(`${type}/${id}`);
          else rows.set(`${type}/${id}`, type === "session" ? trials.whole(id, value) : value);
        }
      }
    },
    isInTransaction: () => false,
    transaction: (work) => work(),
  };
}

/** One handset's Signal state. Addresses are LIDs with device, so both forms of a JID share a session. */
export class SignalPeer {
  readonly identity: KeyPair = Curve.generateKeyPair();
  readonly registrationId = generateRegistrationId();
  readonly #signedPreKey = signedKeyPair(this.identity, 1);
  readonly #trials = new SessionTrials();
  readonly #keys = memoryKeys(this.#trials);
  readonly #repository;
  #lastPreKeyId = 0;

  constructor() {
    quietLibsignal();
    const creds = {
      signedIdentityKey: this.identity,
      signedPreKey: this.#signedPreKey,
      registrationId: this.registrationId,
    };
    this.#repository = DEFAULT_CONNECTION_CONFIG.makeSignalRepository(
      { creds, keys: this.#keys },
      pino({ level: "silent" }),
      () => Promise.resolve([]),
    );
  }

  /** A bundle with a one-time prekey nobody had before. */
  async bundle(): Promise<PreKeyBundle> {
    const keyId = ++this.#lastPreKeyId;
    const pair = Curve.generateKeyPair();
    await this.#keys.set({ "pre-key": { [keyId]: pair } });
    return {
      registrationId: this.registrationId,
      identityKey: this.identity.public,
      signedPreKey: {
        keyId: this.#signedPreKey.keyId,
        publicKey: this.#signedPreKey.keyPair.public,
        signature: this.#signedPreKey.signature,
      },
      preKey: { keyId, publicKey: pair.public },
    };
  }

  /** Whether a session with this device is open. */
  async knows(address: string): Promise<boolean> {
    return (await this.#repository.validateSession(address)).exists;
  }

  /** Opens a session on somebody's bundle, in place of any there was. */
  async meet(address: string, bundle: PreKeyBundle): Promise<void> {
    await this.#repository.injectE2ESession({
      jid: address,
      session: {
        registrationId: bundle.registrationId,
        identityKey: generateSignalPubKey(bundle.identityKey),
        signedPreKey: {
          ...bundle.signedPreKey,
          publicKey: generateSignalPubKey(bundle.signedPreKey.publicKey),
        },
        ...(bundle.preKey && {
          preKey: { ...bundle.preKey, publicKey: generateSignalPubKey(bundle.preKey.publicKey) },
        }),
      },
    });
  }

  /** Loses the session with a device, as a reinstalled app does. */
  async forget(address: string): Promise<void> {
    await this.#repository.deleteSession([address]);
  }

  async encrypt(address: string, message: proto.IMessage): Promise<Ciphertext> {
    return await this.#repository.encryptMessage({ jid: address, data: encodeWAMessage(message) });
  }

  /** Encrypts for a group, and gives the key that whoever does not have it yet needs to decrypt it. */
  async encryptForGroup(
    group: string,
    own: string,
    message: proto.IMessage,
  ): Promise<{ ciphertext: Uint8Array; senderKey: proto.IMessage }> {
    const { ciphertext, senderKeyDistributionMessage } = await this.#repository.encryptGroupMessage({
      group,
      meId: own,
      data: encodeWAMessage(message),
    });
    return {
      ciphertext,
      senderKey: {
        senderKeyDistributionMessage: {
          groupId: group,
          axolotlSenderKeyDistributionMessage: senderKeyDistributionMessage,
        },
      },
    };
  }

  /** Decrypts and parses; throws when the session, the counter or the padding is wrong. */
  async decrypt(address: string, { type, ciphertext }: Ciphertext): Promise<proto.Message> {
    const decrypt = () => this.#repository.decryptMessage({ jid: address, type, ciphertext });
    // As phones do it, which turn no ratchet in vain.
    const padded = await (type === "msg" ? this.#trials.decrypt(decrypt) : decrypt());
    return proto.Message.decode(unpadRandomMax16(padded));
  }

  /** Takes the key of who writes into a group. */
  async learnSenderKey(author: string, { senderKeyDistributionMessage }: proto.IMessage): Promise<void> {
    if (!senderKeyDistributionMessage) return;
    await this.#repository.processSenderKeyDistributionMessage({
      authorJid: author,
      item: senderKeyDistributionMessage,
    });
  }

  /** Decrypts what was written to all of a group. */
  async decryptFromGroup(group: string, author: string, ciphertext: Uint8Array): Promise<proto.Message> {
    const padded = await this.#repository.decryptGroupMessage({ group, authorJid: author, msg: ciphertext });
    return proto.Message.decode(unpadRandomMax16(padded));
  }

  close(): void {
    this.#repository.close?.();
  }
}
