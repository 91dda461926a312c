/** The connection to the engine: one client, its state, and coming back after it was lost. */
import { defineStore } from 'pinia';
import { computed, ref, shallowRef } from 'vue';
import {
  CommandError,
  createClient,
  type CommandName,
  type CommandParams,
  type CommandResult,
  type EngineClient,
  type EntranceRefusal,
  type TopicEvent,
  type TopicName,
} from '../../src-engine/contract/index.ts';
import { onNewSession } from './entrance.ts';
import { NotLetIn, type Connect } from './transport.ts';

const FIRST_DELAY_MS = 1_000;
const LAST_DELAY_MS = 30_000;

export const useEngine = defineStore('engine', () => {
  const client = shallowRef<EngineClient | null>(null);
  /** `other`: at our address answers one that does not know this window */
  const state = ref<'connecting' | 'connected' | 'lost' | 'other' | 'refused'>('connecting');
  let wasConnected = false;
  /** it is not there, whatever is tried at the moment */
  const isAway = ref(false);
  /** when the next attempt is made by itself; null where only a person starts it */
  const retryAt = ref<number | null>(null);
  /** why this browser is not let in; null where it is, or nobody has said */
  const refusal = ref<EntranceRefusal | null>(null);
  const isConnected = computed(() => state.value === 'connected');

  let connectOnce: Connect;
  let retriesItself = false;
  let delayMs = FIRST_DELAY_MS;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const onConnected: (() => void)[] = [];

  function lost() {
    client.value = null;
    isAway.value = true;
    state.value = 'lost';
    if (!retriesItself) return;
    retryAt.value = Date.now() + delayMs;
    timer = setTimeout(() => void reconnect(), delayMs);
    delayMs = Math.min(delayMs * 2, LAST_DELAY_MS);
  }

  let attempts = 0;
  /** A new attempt takes the place of one that hangs: what becomes of that one counts no more. */
  async function reconnect() {
    const attempt = ++attempts;
    clearTimeout(timer);
    retryAt.value = null;
    state.value = 'connecting';
    try {
      const transport = await connectOnce();
      if (attempt !== attempts) return;
      const connected = createClient(transport);
      connected.onLost(() => attempt === attempts && lost());
      client.value = connected;
      state.value = 'connected';
      refusal.value = null;
      wasConnected = true;
      isAway.value = false;
      delayMs = FIRST_DELAY_MS;
      for (const listener of onConnected) listener();
    } catch (error) {
      if (attempt !== attempts) return;
      if (!(error instanceof NotLetIn)) return lost();
      // what is typed in a window stays there
      if (wasConnected) state.value = 'other';
      else [refusal.value, state.value] = [error.reason, 'refused'];
    }
  }

  /**
   * Connects for the first time.
   * @param connect opens a transport
   * @param tries whether a lost connection is tried again without being asked
   */
  function start(connect: Connect, tries: boolean) {
    connectOnce = connect;
    retriesItself = tries;
    onNewSession(() => void (isConnected.value || reconnect()));
    return reconnect();
  }

  /** Runs `listener` now where the engine is there, and again after each reconnection: subscriptions and first loads. */
  function whenConnected(listener: () => void) {
    onConnected.push(listener);
    if (isConnected.value) listener();
  }

  /** @throws CommandError */
  function call<C extends CommandName>(
    command: C,
    params: CommandParams<C>,
    signal?: AbortSignal,
  ): Promise<CommandResult<C>> {
    if (!client.value) {
      return Promise.reject(new CommandError({ code: 'ENGINE_LOST', message: 'Not connected.', hint: '', data: {} }));
    }
    return client.value.call(command, params, signal);
  }

  function subscribe<T extends TopicName>(topic: T, listener: (event: TopicEvent<T>) => void) {
    client.value?.subscribe(topic, listener);
  }

  return { state, retryAt, refusal, isConnected, isAway, start, reconnect, whenConnected, call, subscribe };
});
