import { Type } from 'typebox';
import { ok } from '../../arm/respond.ts';
import { defineRoutes, type RouteTable, route } from '../../arm/route.ts';
import type { GuestExtensionRecord } from '../../db/guestExtensions.ts';
import { CodedError } from '../../lib/error.ts';
import { COMPUTE_VERSIONS } from '../apiVersions.ts';
import { sameName } from '../ids.ts';
import { type GroupParams, requireSubscription, resourceNotFound } from '../lookups.ts';
import { machineExtension } from '../machineExtension.ts';
import type { MachineView } from '../machineSource.ts';
import { getMachine } from '../machines.ts';
import type { Services } from '../services.ts';
import { EXTENSION_NAME, extensionToWire } from '../toWire/extension.ts';

const MACHINE = 'Microsoft.Compute/virtualMachines';
const TYPE = `${MACHINE}/extensions`;
const READ = `${TYPE}/read`;
const EXTENSIONS = `/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/${MACHINE}/{vmName}/extensions`;
const QUERY = Type.Object({ $expand: Type.Optional(Type.String()) });

/** The guest extension of a protected machine. It is installed by protecting the machine, so it is only read here. */
export const extensions = (services: Services): RouteTable =>
  defineRoutes({
    type: TYPE,
    apiVersions: COMPUTE_VERSIONS,
    routes: [
      route({
        method: 'GET',
        path: EXTENSIONS,
        action: READ,
        summary: 'Lists the extensions of a virtual machine; with $expand=instanceView also their state.',
        query: QUERY,
        async handler({ params, query, signal }) {
          const { machine, record } = await look(services, params, signal);
          return ok({ value: record ? [show(services, machine, record, query.$expand)] : [] });
        },
      }),
      route({
        method: 'GET',
        path: `${EXTENSIONS}/{vmExtensionName}`,
        action: READ,
        summary: 'Gets an extension of a virtual machine; with $expand=instanceView also its state.',
        query: QUERY,
        async handler({ params, query, signal }) {
          const { machine, record } = await look(services, params, signal);
          if (record && sameName(params.vmExtensionName, EXTENSION_NAME))
            return ok(show(services, machine, record, query.$expand));
          throw resourceNotFound(TYPE, `${params.vmName}/${params.vmExtensionName}`, params.resourceGroupName, {
            recommendations: [
              `${EXTENSION_NAME} is the one extension that is served here: a machine has it soon after it is protected.`,
            ],
          });
        },
      }),
    ],
  });

async function look(
  services: Services,
  params: GroupParams & { readonly vmName: string },
  signal: AbortSignal,
): Promise<{ machine: MachineView; record: GuestExtensionRecord | undefined }> {
  requireSubscription(services, params.subscriptionId);
  const ref = { resourceGroup: params.resourceGroupName, name: params.vmName };
  const notFound = (why: Parameters<typeof resourceNotFound>[3]) =>
    resourceNotFound(MACHINE, params.vmName, params.resourceGroupName, why);
  const machine = await getMachine(services, ref, notFound, signal);
  return { machine, record: await machineExtension(services, machine) };
}

function show({ config }: Services, machine: MachineView, record: GuestExtensionRecord, expand: string | undefined) {
  if (expand !== undefined && expand !== '' && expand.toLowerCase() !== 'instanceview')
    throw new CodedError('InvalidParameter', `$expand is '${expand}'; legal is 'instanceView'.`, { target: '$expand' });
  const instanceView = expand !== undefined && expand !== '';
  return extensionToWire(config.subscriptionId, machine, record, { instanceView });
}
