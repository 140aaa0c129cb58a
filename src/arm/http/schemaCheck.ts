import type { TSchema } from 'typebox';
import { Compile } from 'typebox/compile';
import { CodedError, type ErrorDetail } from '../../lib/error.ts';

export type Check = (value: unknown) => void;

interface Fault {
  readonly keyword: string;
  readonly schemaPath: string;
  readonly instancePath: string;
  readonly params: Readonly<Record<string, unknown>>;
  readonly message: string;
}

const MAX_DETAILS = 20;

/**
 * Compiles a schema once. The check throws InvalidRequestContent (for a query InvalidParameter): one detail for
 * each field at fault, with its JSON path, the rule and the legal values.
 */
export function compileCheck(schema: TSchema, code: 'InvalidRequestContent' | 'InvalidParameter'): Check {
  const validator = Compile(schema);
  return (value) => {
    if (validator.Check(value)) return;
    if (value === undefined) throw new CodedError(code, 'The request needs a JSON body.', { target: '$' });
    const faults = validator.Errors(value) as unknown as readonly Fault[];
    const details = told(faults, schema)
      .slice(0, MAX_DETAILS)
      .map((one) => ({ ...one, code }));
    const first = details[0] ?? { code, message: 'The request content does not fit.', target: '$' };
    throw new CodedError(code, first.message, { ...(first.target ? { target: first.target } : {}), details });
  };
}

function told(faults: readonly Fault[], schema: TSchema): ErrorDetail[] {
  const unions = faults.filter((fault) => fault.keyword === 'anyOf');
  const inUnion = (fault: Fault): boolean =>
    unions.some((union) => fault.schemaPath.startsWith(`${union.schemaPath}/anyOf/`));
  return faults
    .filter((fault) => !inUnion(fault) && fault.keyword !== 'boolean')
    .flatMap((fault) => (fault.keyword === 'anyOf' ? ofUnion(fault, faults, schema) : describe(fault, schema)));
}

/** A union of constants tells its values; one of objects tells of the only branch whose constants fit. */
function ofUnion(union: Fault, faults: readonly Fault[], schema: TSchema): ErrorDetail[] {
  const branches = new Map<string, Fault[]>();
  for (const fault of faults) {
    if (!fault.schemaPath.startsWith(`${union.schemaPath}/anyOf/`)) continue;
    const branch = fault.schemaPath.slice(union.schemaPath.length + 7).split('/')[0] ?? '';
    branches.set(branch, [...(branches.get(branch) ?? []), fault]);
  }
  const fitting = [...branches.values()].filter(
    (branch) =>
      !branch.some(
        ({ keyword, instancePath }) =>
          keyword === 'const' || (keyword === 'type' && instancePath === union.instancePath),
      ),
  );
  if (fitting.length === 1 && fitting[0]) return told(fitting[0], schema);
  const constants = faults.filter(
    (fault) => fault.keyword === 'const' && fault.schemaPath.startsWith(`${union.schemaPath}/anyOf/`),
  );
  if (fitting.length === 0 && new Set(constants.map((fault) => fault.instancePath)).size === 1 && constants[0]) {
    const values = [...new Set(constants.map((fault) => fault.params.allowedValue))];
    return [detail(constants[0].instancePath, `must be one of ${list(values)}`)];
  }
  return [detail(union.instancePath, 'does not fit any of its legal forms')];
}

function describe(fault: Fault, schema: TSchema): ErrorDetail[] {
  const { params, instancePath } = fault;
  switch (fault.keyword) {
    case 'required':
      return strings(params.requiredProperties).map((name) =>
        detail(`${instancePath}/${encodeStep(name)}`, 'is required'),
      );
    case 'additionalProperties': {
      const legal = Object.keys((at(schema, fault.schemaPath)?.properties as object | undefined) ?? {});
      return strings(params.additionalProperties).map((name) =>
        detail(`${instancePath}/${encodeStep(name)}`, `is not known; legal fields here: ${legal.join(', ') || 'none'}`),
      );
    }
    case 'enum':
      return [detail(instancePath, `must be one of ${list(params.allowedValues)}`)];
    case 'const':
      return [detail(instancePath, `must be ${list([params.allowedValue])}`)];
    case 'type':
      return [detail(instancePath, `must be of type ${String(params.type)}`)];
    case 'pattern':
      return [detail(instancePath, ruleOf(schema, fault) ?? `must match ${String(params.pattern)}`)];
    default:
      return [detail(instancePath, ruleOf(schema, fault) ?? fault.message)];
  }
}

/** A schema's `rule` annotation says its rule in words, after the field's name: 'must be …'. */
function ruleOf(schema: TSchema, fault: Fault): string | undefined {
  const rule = at(schema, fault.schemaPath)?.rule;
  return typeof rule === 'string' ? rule : undefined;
}

function at(schema: TSchema, schemaPath: string): Record<string, unknown> | undefined {
  let place: unknown = schema;
  for (const step of schemaPath.split('/').slice(1)) {
    if (typeof place !== 'object' || place === null) return undefined;
    place = (place as Record<string, unknown>)[decodeStep(step)];
  }
  return typeof place === 'object' && place !== null ? (place as Record<string, unknown>) : undefined;
}

function detail(pointer: string, what: string): ErrorDetail {
  const target = jsonPath(pointer);
  return { code: 'InvalidRequestContent', target, message: `'${target}' ${what}.` };
}

/** '/properties/disks/0/lun' → 'properties.disks[0].lun'. */
function jsonPath(pointer: string): string {
  const path = pointer
    .split('/')
    .slice(1)
    .map((step) => (/^\d+$/.test(step) ? `[${step}]` : `.${decodeStep(step).slice(0, 64)}`))
    .join('');
  return path === '' ? '$' : path.replace(/^\./, '');
}

const encodeStep = (step: string): string => step.replaceAll('~', '~0').replaceAll('/', '~1');
const decodeStep = (step: string): string => step.replaceAll('~1', '/').replaceAll('~0', '~');
const strings = (value: unknown): string[] => (Array.isArray(value) ? value.map(String) : []);
const list = (values: unknown): string =>
  strings(values)
    .map((value) => `'${value}'`)
    .join(', ');
