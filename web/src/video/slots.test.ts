import { expect, it } from 'vitest';
import { Slots } from './slots';

it('never gives more slots than there are, and serves in turn', async () => {
  const slots = new Slots(1);
  const first = slots.take();
  expect(slots.take()).toBeUndefined();
  const order: string[] = [];
  const { signal } = new AbortController();
  const run = async (name: string) => {
    const release = await slots.wait(signal);
    order.push(name);
    release();
  };
  const all = Promise.all([run('a'), run('b')]);
  first?.();
  first?.();
  await all;
  expect(order).toEqual(['a', 'b']);
  expect(slots.take()).toBeDefined();
  expect(slots.take()).toBeUndefined();
});

it('whoever gives up does not keep others waiting', async () => {
  const slots = new Slots(1);
  const release = slots.take();
  const left = new AbortController();
  const gone = slots.wait(left.signal);
  const next = slots.wait(new AbortController().signal);
  left.abort();
  await expect(gone).rejects.toThrow();
  release?.();
  expect(await next).toBeTypeOf('function');
});

it('whoever waits often leaves nothing behind', async () => {
  const slots = new Slots(1);
  const { signal } = new AbortController();
  let heard = 0;
  const [add, remove] = [signal.addEventListener.bind(signal), signal.removeEventListener.bind(signal)];
  signal.addEventListener = (...args: Parameters<typeof add>) => {
    heard += 1;
    add(...args);
  };
  signal.removeEventListener = (...args: Parameters<typeof remove>) => {
    heard -= 1;
    remove(...args);
  };
  for (let round = 0; round < 20; round += 1) {
    const release = slots.take();
    const next = slots.wait(signal);
    release?.();
    (await next)();
  }
  expect(heard).toBe(0);
});
