import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { TurnedClock } from '../../lib/turnedClock.ts';
import { type ClockState, HeldClock } from './heldClock.ts';

const DAY = 86_400_000;
const START = Date.parse('2026-01-05T08:00:00Z');

/** A machine whose clock can be set apart from the time that goes by. */
class Machine {
  #bootId = 1;
  #booted = 0;
  #passed = 0;
  #offset = 0;
  readonly clock = { now: () => START + this.#passed + this.#offset, sleep: new TurnedClock().sleep };
  readonly uptime = () => ({ bootId: String(this.#bootId), elapsedMs: this.#passed - this.#booted });

  pass(ms: number): void {
    this.#passed += ms;
  }
  setClock(byMs: number): void {
    this.#offset += byMs;
  }
  restart(offMs: number): void {
    this.#passed += offMs;
    this.#bootId++;
    this.#booted = this.#passed;
  }
  get truth(): number {
    return START + this.#passed;
  }
  held(before?: ClockState): HeldClock {
    return new HeldClock(this.clock, this.uptime, before);
  }
}

test('follows an honest clock, however often it is looked at', () => {
  const machine = new Machine();
  const held = machine.held();
  for (let i = 0; i < 10_000; i++) {
    machine.pass(0.3);
    held.now();
  }
  machine.pass(40 * DAY);
  assert.equal(held.now(), Math.floor(machine.truth));
  assert.equal(held.heldBackMs, 0);
});

test('does not follow a clock that is moved ahead, and says so', () => {
  const machine = new Machine();
  const held = machine.held();
  machine.setClock(400 * DAY);
  machine.pass(DAY);
  assert.ok(held.now() <= machine.truth + 0.02 * DAY);
  assert.ok(held.heldBackMs > 399 * DAY);
  const restarted = machine.held(held.state());
  assert.ok(restarted.now() <= machine.truth + 0.02 * DAY, 'a restart of the daemon frees nothing either');
});

test('takes one step of at most 7 days over a restart of the machine', () => {
  const machine = new Machine();
  const before = machine.held().state();
  machine.restart(3 * DAY);
  assert.equal(machine.held(before).now(), machine.truth, 'three days off are believed');
  machine.restart(30 * DAY);
  const late = machine.held(before);
  assert.equal(late.now(), before.now + 7 * DAY);
  machine.pass(DAY);
  assert.ok(late.now() < before.now + 8.1 * DAY && late.heldBackMs > 0);
  assert.equal(machine.held(undefined).now(), machine.truth, 'an operator who confirms the clock gets it');
});

test('a clock that stood behind is followed again', () => {
  const machine = new Machine();
  const held = machine.held();
  machine.setClock(-2 * DAY);
  machine.pass(DAY);
  assert.equal(held.now(), START);
  machine.setClock(2 * DAY);
  assert.equal(held.now(), machine.truth);
});

test('whatever is done to the clock, it never goes back and never runs away while the machine is up', () => {
  const act = fc.oneof(
    fc.record({ kind: fc.constant('pass' as const), ms: fc.integer({ min: 0, max: 10 * DAY }) }),
    fc.record({ kind: fc.constant('setClock' as const), ms: fc.integer({ min: -900 * DAY, max: 900 * DAY }) }),
    fc.record({ kind: fc.constant('reopen' as const), ms: fc.constant(0) }),
  );
  fc.assert(
    fc.property(fc.array(act, { maxLength: 60 }), (acts) => {
      const machine = new Machine();
      let held = machine.held();
      let last = held.now();
      for (const { kind, ms } of acts) {
        if (kind === 'pass') machine.pass(ms);
        else if (kind === 'setClock') machine.setClock(ms);
        else held = machine.held(held.state());
        const now = held.now();
        assert.ok(now >= last, 'back');
        assert.ok(now <= START + (machine.truth - START) * 1.01 + 1, 'ran away');
        last = now;
      }
    }),
  );
});
