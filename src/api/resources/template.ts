import { CodedError } from '../../lib/error.ts';
import { groupArmId } from '../../vault/armIds.ts';
import { sameName } from '../ids.ts';
import { evaluate, type TemplateScope } from './expression.ts';

/** A resource of a template with its expressions evaluated. */
export interface TemplateResource {
  readonly id: string;
  readonly type: string;
  readonly name: string;
  readonly apiVersion: string;
  /** Of PUT. */
  readonly body: Readonly<Record<string, unknown>>;
  /** Ids within the template. */
  readonly dependsOn: readonly string[];
}

export interface EvaluatedTemplate {
  /** Each after those it depends on. */
  readonly resources: readonly TemplateResource[];
  readonly outputs: Readonly<Record<string, { readonly type: string; readonly value: unknown }>>;
  /** As they are shown: of secure ones only the type. */
  readonly parameters: Readonly<Record<string, { readonly type: string; readonly value?: unknown }>>;
}

type Json = Readonly<Record<string, unknown>>;

const MAX_RESOURCES = 800;
/** Of all that parameters and variables stand for, each time they are named: a few that double each other fill any memory. */
const MAX_NAMED_CHARS = 4 * 2 ** 20;
/** Of variables that are made of variables. */
const MAX_VARIABLE_DEPTH = 20;
/** Fields of a resource that are the template's, not the resource's. */
const TEMPLATE_FIELDS = new Set([
  'type',
  'name',
  'apiVersion',
  'dependsOn',
  'comments',
  'condition',
  'scope',
  'metadata',
]);
const LEGAL_FIELDS = [
  '$schema',
  'contentVersion',
  'parameters',
  'variables',
  'resources',
  'outputs',
  'functions',
  'metadata',
  'apiProfile',
  'languageVersion',
];

/** Errors: InvalidTemplate naming what is wrong or not known here. */
export function evaluateTemplate(
  template: Json,
  given: Json,
  where: Pick<TemplateScope, 'subscriptionId' | 'tenantId' | 'resourceGroup'>,
): EvaluatedTemplate {
  const unknown = Object.keys(template).find((field) => !LEGAL_FIELDS.includes(field));
  if (unknown !== undefined)
    throw invalid(`the template's field '${unknown}' is not known; legal are ${LEGAL_FIELDS.join(', ')}`);
  if (Object.keys(objectOf(template.functions ?? {}, 'functions')).length > 0 || asArray(template.functions).length > 0)
    throw invalid("functions of the template's own are not known here");
  const declared = objectOf(template.parameters ?? {}, 'parameters');
  const spend = budget();
  const values = parameterValues(declared, given, where, spend);
  const scope = scopeOf(template, values, where, spend);
  const resources = asArray(template.resources, 'resources')
    .map((resource) => objectOf(resource, 'resources[]'))
    .filter((resource) => isWanted(resource, scope))
    .map((resource) => evaluateResource(resource, scope));
  if (resources.length > MAX_RESOURCES)
    throw invalid(`it has ${resources.length} resources; ${MAX_RESOURCES} is the most`);
  const twice = resources.find(({ id }, at) => resources.findIndex((other) => sameName(other.id, id)) !== at);
  if (twice) throw invalid(`the resource '${twice.type}/${twice.name}' is defined twice`);
  return {
    resources: inOrder(resources),
    outputs: outputsOf(objectOf(template.outputs ?? {}, 'outputs'), scope),
    parameters: shownParameters(declared, values),
  };
}

type Spend = <T>(value: T) => T;

/** Lets values through until they are too much together. Errors: InvalidTemplate. */
function budget(): Spend {
  let left = MAX_NAMED_CHARS;
  return (value) => {
    left -= 1 + (JSON.stringify(value) ?? '').length;
    if (left >= 0) return value;
    throw invalid(`its parameters and variables become more than ${MAX_NAMED_CHARS} characters where they are named`);
  };
}

function scopeOf(
  template: Json,
  parameters: ReadonlyMap<string, unknown>,
  where: Pick<TemplateScope, 'subscriptionId' | 'tenantId' | 'resourceGroup'>,
  spend: Spend,
): TemplateScope {
  const variables = new Map(
    Object.entries(objectOf(template.variables ?? {}, 'variables')).map(([name, value]) => [name.toLowerCase(), value]),
  );
  const underWay = new Set<string>();
  const computed = new Map<string, unknown>();
  const scope: TemplateScope = {
    ...where,
    parameter: (name) => spend(parameters.get(name.toLowerCase())),
    variable(name) {
      const key = name.toLowerCase();
      if (computed.has(key)) return spend(computed.get(key));
      if (!variables.has(key)) return undefined;
      if (underWay.has(key)) throw invalid(`the variable '${name}' is defined by itself`);
      if (underWay.size >= MAX_VARIABLE_DEPTH)
        throw invalid(`the variable '${name}' is made of more than ${MAX_VARIABLE_DEPTH} others, one of the other`);
      underWay.add(key);
      const value = evaluate(variables.get(key), scope);
      underWay.delete(key);
      computed.set(key, value);
      return spend(value);
    },
  };
  return scope;
}

/** By name in small letters. */
function parameterValues(
  declared: Json,
  given: Json,
  where: Pick<TemplateScope, 'subscriptionId' | 'tenantId' | 'resourceGroup'>,
  spend: Spend,
): ReadonlyMap<string, unknown> {
  const legal = Object.keys(declared);
  const extra = Object.keys(given).find((name) => !legal.some((one) => sameName(one, name)));
  if (extra !== undefined)
    throw invalid(`the parameter '${extra}' is given and not declared; declared are ${legal.join(', ') || 'none'}`);
  const values = new Map<string, unknown>();
  // a default may speak of what is there already, not of parameters that follow
  const parameter = (name: string) => spend(values.get(name.toLowerCase()));
  const scope = { ...where, parameter, variable: () => undefined };
  for (const [name, definition] of Object.entries(declared)) {
    const { defaultValue, allowedValues } = objectOf(definition, `parameters.${name}`);
    const entry = Object.entries(given).find(([other]) => sameName(other, name))?.[1];
    const asked = entry === undefined ? undefined : objectOf(entry, `parameters.${name}`);
    if (asked && 'reference' in asked)
      throw invalid(`the parameter '${name}' refers to a key vault, which there is none of`);
    const value = asked ? asked.value : defaultValue === undefined ? undefined : evaluate(defaultValue, scope);
    if (value === undefined) throw invalid(`the value for the template parameter '${name}' is not provided`);
    if (Array.isArray(allowedValues) && !allowedValues.includes(value))
      throw invalid(`the value of the parameter '${name}' must be one of ${allowedValues.join(', ')}`);
    values.set(name.toLowerCase(), value);
  }
  return values;
}

function evaluateResource(resource: Json, scope: TemplateScope): TemplateResource {
  for (const field of ['copy', 'resources'] as const)
    if (asArray(resource[field]).length > 0 || (field === 'copy' && resource.copy !== undefined))
      throw invalid(`the field '${field}' of '${String(resource.name)}' is not known here`);
  const text = (field: string): string => {
    const value = evaluate(resource[field], scope);
    if (typeof value === 'string' && value !== '') return value;
    throw invalid(`a resource needs the text '${field}'`);
  };
  const [type, name, apiVersion] = [text('type'), text('name'), text('apiVersion')];
  if (resource.scope !== undefined) throw invalid(`the field 'scope' of '${name}' is not known here`);
  const fields = Object.entries(resource).filter(([field]) => !TEMPLATE_FIELDS.has(field));
  const body = evaluate(Object.fromEntries(fields), scope) as Json;
  const dependsOn = asArray(resource.dependsOn, `dependsOn of '${name}'`).map((one) => String(evaluate(one, scope)));
  return { id: idOf(type, name, scope), type, name, apiVersion, body, dependsOn };
}

function idOf(type: string, name: string, { subscriptionId, resourceGroup }: TemplateScope): string {
  const [namespace = '', ...types] = type.split('/');
  const names = name.split('/');
  if (types.length === 0 || types.length !== names.length)
    throw invalid(`the type '${type}' and the name '${name}' must have as many parts, after the namespace`);
  const pairs = types.map((one, at) => `${one}/${names[at]}`).join('/');
  return `${groupArmId(subscriptionId, resourceGroup.name)}/providers/${namespace}/${pairs}`;
}

/** Errors: InvalidTemplate for a dependency that is not there, or a circle. */
function inOrder(resources: readonly TemplateResource[]): readonly TemplateResource[] {
  const done: TemplateResource[] = [];
  const visit = (resource: TemplateResource, path: readonly string[]): void => {
    if (done.includes(resource)) return;
    if (path.includes(resource.id)) throw invalid(`circular dependency detected on resource: '${resource.id}'`);
    for (const wanted of resource.dependsOn) {
      const other = resources.find((one) => isMeant(one, wanted));
      if (other) visit(other, [...path, resource.id]);
      else if (!wanted.startsWith('/'))
        throw invalid(`the resource '${wanted}' that '${resource.name}' depends on is not defined in the template`);
    }
    done.push(resource);
  };
  for (const resource of resources) visit(resource, []);
  return done;
}

/** By id, by 'type/name' as clients shorten it, or by its name. */
const isMeant = ({ id, type, name }: TemplateResource, wanted: string): boolean =>
  [id, `${type}/${name}`, name, id.slice(id.toLowerCase().indexOf('/providers/') + 11)].some((one) =>
    sameName(one, wanted),
  );

const isWanted = ({ condition }: Json, scope: TemplateScope): boolean =>
  condition === undefined || evaluate(condition, scope) === true || condition === 'true';

const outputsOf = (outputs: Json, scope: TemplateScope): EvaluatedTemplate['outputs'] =>
  Object.fromEntries(
    Object.entries(outputs).map(([name, output]) => {
      const { type = 'string', value } = objectOf(output, `outputs.${name}`);
      const shown = { type: String(type), value: evaluate(value, scope) };
      return [name, /^secure/i.test(shown.type) ? { type: shown.type, value: null } : shown];
    }),
  );

const shownParameters = (declared: Json, values: ReadonlyMap<string, unknown>): EvaluatedTemplate['parameters'] =>
  Object.fromEntries(
    Object.entries(declared).map(([name, definition]) => {
      const type = String(objectOf(definition, name).type ?? 'string');
      const isSecure = /^secure/i.test(type);
      return [name, isSecure ? { type } : { type, value: values.get(name.toLowerCase()) }];
    }),
  );

function objectOf(value: unknown, what: string): Json {
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? {} : (value as Json);
  throw invalid(`'${what}' must be an object`);
}

function asArray(value: unknown, what?: string): readonly unknown[] {
  if (Array.isArray(value)) return value;
  if (value === undefined || value === null || what === undefined) return [];
  throw invalid(`'${what}' must be a list`);
}

const invalid = (why: string): CodedError =>
  new CodedError('InvalidTemplate', `Deployment template validation failed: ${why}.`, {
    target: 'properties.template',
  });
