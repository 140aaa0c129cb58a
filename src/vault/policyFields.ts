import type { ErrorDetail } from '../lib/error.ts';
import type { TimeOfDay } from './policy.ts';

export type PolicyFaultCode =
  | 'BMSUserErrorInvalidPolicyInput'
  | 'BMSUserErrorPolicyRetentionInvalid'
  | 'BMSUserErrorInstantRPRetentionExceedsVaultedRetention';

/** A time of day as it was sent, and the date before it, which means nothing. */
export interface SentTime {
  readonly time: TimeOfDay;
  readonly date: string;
}

/** Legal: hour or half hour, UTC or without offset. */
const SENT_TIME = /^(\d{4}-\d\d-\d\d)T([01]\d|2[0-3]):(00|30)(:00(\.0+)?)?(Z|[+-]00:?00)?$/;

/**
 * Reads fields of a policy's JSON. What is missing or wrong is noted as a fault and read as undefined, so that one
 * answer names all faults there are. Null counts as absent; words are read without regard to case.
 */
export class PolicyFields {
  readonly faults: ErrorDetail[] = [];

  fault(target: string, message: string, code: PolicyFaultCode = 'BMSUserErrorInvalidPolicyInput'): undefined {
    this.faults.push({ code, target, message: `${target} ${message}` });
  }

  /** Undefined when absent. */
  optionalObject(value: unknown, target: string): Record<string, unknown> | undefined {
    if (value === undefined || value === null) return undefined;
    if (typeof value === 'object' && !Array.isArray(value)) return value as Record<string, unknown>;
    return this.fault(target, `is ${show(value)}; it must be an object.`);
  }

  object(value: unknown, target: string): Record<string, unknown> | undefined {
    if (value === undefined || value === null) return this.fault(target, 'is missing; it is required: an object.');
    return this.optionalObject(value, target);
  }

  word<const W extends string>(value: unknown, target: string, legal: readonly W[]): W | undefined {
    const word = typeof value === 'string' ? legal.find((one) => one.toLowerCase() === value.toLowerCase()) : undefined;
    return word ?? this.fault(target, `is ${show(value)}; it must be one of ${legal.join(', ')}.`);
  }

  /** At least one; without repetition, in the order of `legal`. */
  words<const W extends string>(value: unknown, target: string, legal: readonly W[]): readonly W[] | undefined {
    if (!Array.isArray(value) || value.length === 0) {
      return this.fault(target, `is ${show(value)}; it is required: a list of at least one of ${legal.join(', ')}.`);
    }
    const words = value.map((one, i) => this.word(one, `${target}[${i}]`, legal));
    return words.includes(undefined) ? undefined : legal.filter((one) => words.includes(one));
  }

  wholeNumber(value: unknown, target: string): number | undefined {
    if (Number.isSafeInteger(value)) return value as number;
    return this.fault(target, `is ${show(value)}; it must be a whole number.`);
  }

  time(value: unknown, target: string): SentTime | undefined {
    const match = typeof value === 'string' ? SENT_TIME.exec(value) : null;
    if (match) return { date: match[1]!, time: `${match[2]}:${match[3]}` };
    return this.fault(
      target,
      `is ${show(value)}; it must be a UTC time on the hour or half hour, like 2026-01-01T20:30:00Z.`,
    );
  }

  /** A list of exactly one time. */
  oneTime(value: unknown, target: string): SentTime | undefined {
    if (Array.isArray(value) && value.length === 1) return this.time(value[0], `${target}[0]`);
    return this.fault(target, `is ${show(value)}; it must be a list of exactly one time.`);
  }
}

const show = (value: unknown): string =>
  value === undefined ? 'missing' : (JSON.stringify(value) ?? 'missing').slice(0, 60);
