import { Type } from 'typebox';
import { type Condition, conditionsOf } from '../../arm/filter.ts';
import { ok } from '../../arm/respond.ts';
import { defineRoutes, type RouteTable, route } from '../../arm/route.ts';
import { allJobs } from '../../db/jobList.ts';
import { isoTime } from '../../lib/clock.ts';
import { CodedError } from '../../lib/error.ts';
import { vaultArmId } from '../../vault/armIds.ts';
import { type HealthEvent, healthEvents } from '../../vault/healthEvents.ts';
import { requireVault } from '../lookups.ts';
import { VAULT_PATH } from '../paths.ts';
import type { Services } from '../services.ts';
import { intervalOf, METRICS, spanOf } from './metricSpan.ts';

const VERSIONS = { from: '2017-05-01', to: '2026-12-31' };
const NAMESPACE = 'Microsoft.RecoveryServices/vaults';
const TEXT = Type.Optional(Type.String());

const DIMENSIONS = {
  healthStatus: ({ status }: HealthEvent) => status,
  backupInstanceName: ({ containerName, entity }: HealthEvent) => `${containerName};${entity}`,
  backupInstanceId: ({ itemId }: HealthEvent) => itemId,
  datasourceId: ({ entity }: HealthEvent) => entity,
  datasourceType: () => 'Microsoft.Compute/virtualMachines',
} as const;
type Dimension = keyof typeof DIMENSIONS;
const NAMES = Object.keys(DIMENSIONS) as Dimension[];

/** Backup and restore health events of a vault, counted from its jobs. */
export const metrics = (services: Services): readonly RouteTable[] => [
  defineRoutes({ type: 'Microsoft.Insights/metrics', apiVersions: VERSIONS, routes: [values(services)] }),
  defineRoutes({
    type: 'Microsoft.Insights/metricDefinitions',
    apiVersions: VERSIONS,
    routes: [definitions(services)],
  }),
];

const values = (services: Services) =>
  route({
    method: 'GET',
    path: `${VAULT_PATH}/providers/Microsoft.Insights/metrics`,
    action: 'Microsoft.Insights/metrics/read',
    summary: "Counts a vault's backup and restore health events, by interval and dimension.",
    filter: Object.fromEntries(NAMES.map((name) => [name, 'string' as const])),
    query: Type.Object({
      ...{ timespan: TEXT, interval: TEXT, metricnames: TEXT, aggregation: TEXT, metricnamespace: TEXT },
      ...{ orderby: TEXT, resultType: TEXT, top: TEXT, AutoAdjustTimegrain: TEXT, ValidateDimensions: TEXT },
    }),
    async handler(context) {
      const vault = await requireVault(services, context.params);
      const { query } = context;
      const { from, to } = spanOf(query.timespan, services.clock.now());
      const [interval, intervalMs] = intervalOf(query.interval, to - from);
      const wanted = metricsOf(query.metricnames);
      const conditions = conditionsOf(context.filter);
      const split = conditions.filter(({ value }) => value === '*').map(({ property }) => property as Dimension);
      const counts = new Map<string, Map<number, number>>(
        wanted.map((metric) => [JSON.stringify([metric]), new Map()]),
      );
      const jobs = allJobs(services.db.queries, { vaultId: vault.id, endFrom: from, endTo: to });
      for await (const event of healthEvents(jobs)) {
        if (!wanted.includes(event.metric) || !matches(event, conditions)) continue;
        const key = JSON.stringify([event.metric, ...split.map((name) => DIMENSIONS[name](event))]);
        const series = counts.get(key) ?? new Map<number, number>();
        const bucket = from + Math.floor((event.at - from) / intervalMs) * intervalMs;
        counts.set(key, series.set(bucket, (series.get(bucket) ?? 0) + 1));
      }
      const starts = Array.from({ length: Math.ceil((to - from) / intervalMs) }, (_, i) => from + i * intervalMs);
      return ok({
        ...{ cost: 0, timespan: `${isoTime(from)}/${isoTime(to)}`, interval, namespace: NAMESPACE },
        resourceregion: vault.location,
        value: wanted.map((metric) => ({
          id: `${vaultArmId(vault)}/providers/Microsoft.Insights/metrics/${metric}`,
          type: 'Microsoft.Insights/metrics',
          name: { value: metric, localizedValue: METRICS[metric] },
          unit: 'Count',
          timeseries: [...counts]
            .map(([key, series]) => ({ key: JSON.parse(key) as string[], series }))
            .filter(({ key }) => key[0] === metric && key.length === split.length + 1)
            .map(({ key, series }) => ({
              metadatavalues: split.map((name, i) => ({
                name: { value: name, localizedValue: name },
                value: key[i + 1],
              })),
              data: starts.map((at) => ({
                timeStamp: isoTime(at),
                count: series.get(at) ?? 0,
                total: series.get(at) ?? 0,
              })),
            })),
          errorCode: 'Success',
        })),
      });
    },
  });

const definitions = (services: Services) =>
  route({
    method: 'GET',
    path: `${VAULT_PATH}/providers/Microsoft.Insights/metricDefinitions`,
    action: 'Microsoft.Insights/metricDefinitions/read',
    summary: 'Lists what is counted of a vault, and by which dimensions.',
    query: Type.Object({ metricnamespace: TEXT }),
    async handler(context) {
      const id = vaultArmId(await requireVault(services, context.params));
      const value = (Object.keys(METRICS) as HealthEvent['metric'][]).map((metric) => ({
        id: `${id}/providers/Microsoft.Insights/metricDefinitions/${metric}`,
        ...{ resourceId: id, namespace: NAMESPACE, isDimensionRequired: false, unit: 'Count' },
        name: { value: metric, localizedValue: METRICS[metric] },
        ...{ primaryAggregationType: 'Count', supportedAggregationTypes: ['Count', 'Total'] },
        dimensions: NAMES.map((name) => ({ value: name, localizedValue: name })),
        metricAvailabilities: ['PT1H', 'P1D'].map((timeGrain) => ({ timeGrain, retention: 'P90D' })),
      }));
      return context.list(value);
    },
  });

const matches = (event: HealthEvent, conditions: readonly Condition[]): boolean =>
  conditions.every(({ property, value, operator }) => {
    if (value === '*') return true;
    const isSame = DIMENSIONS[property as Dimension](event).toLowerCase() === String(value).toLowerCase();
    return operator === 'ne' ? !isSame : isSame;
  });

/** Errors: BadRequest. */
function metricsOf(names: string | undefined): readonly HealthEvent['metric'][] {
  const legal = Object.keys(METRICS) as HealthEvent['metric'][];
  if (names === undefined) return legal.slice(0, 1);
  return names.split(',').map((name) => {
    const found = legal.find((one) =>
      [one, METRICS[one]].some((word) => word.toLowerCase() === name.trim().toLowerCase()),
    );
    if (found) return found;
    const message = `metricnames holds '${name.slice(0, 64)}'; legal are ${legal.join(', ')}.`;
    throw new CodedError('BadRequest', message, { target: 'metricnames' });
  });
}
