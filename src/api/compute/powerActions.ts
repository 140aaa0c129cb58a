import { Type } from 'typebox';
import { type Action, type Route, route } from '../../arm/route.ts';
import { CodedError, isCoded } from '../../lib/error.ts';
import { machineArmId } from '../../vault/armIds.ts';
import type { GroupParams } from '../lookups.ts';
import type { MachineSource, MachineView } from '../machineSource.ts';
import type { Services } from '../services.ts';
import { editRecord } from './changeMachine.ts';
import { findRecord, MACHINE_TYPE } from './machineRecord.ts';
import { acceptWork } from './operations.ts';

const SHUTDOWN_MS = 90_000;

type RequireMachine = (params: GroupParams & { readonly vmName: string }, signal: AbortSignal) => Promise<MachineView>;

/** Switching machines on and off; `path` is that of a machine. */
export const powerActions = (services: Services, path: string, requireMachine: RequireMachine): Route[] => {
  const action = (
    name: string,
    summary: string,
    work: (machine: MachineView, source: MachineSource, options: Options) => Promise<void>,
  ): Route =>
    route({
      method: 'POST',
      path: `${path}/${name}`,
      action: `${MACHINE_TYPE}/${name}/action` as Action,
      summary,
      answers: ['202 + Azure-AsyncOperation'],
      query: Type.Object({ skipShutdown: Type.Optional(Type.String()), hibernate: Type.Optional(Type.String()) }),
      async handler(context) {
        const machine = await requireMachine(context.params as never, context.signal);
        const source = requireSwitch(services, machine);
        if (context.query.hibernate?.toLowerCase() === 'true') throw noHibernation(machine);
        const skipShutdown = context.query.skipShutdown?.toLowerCase() === 'true';
        const id = machineArmId(services.config.subscriptionId, machine.resourceGroup, machine.name);
        return acceptWork(services, context, id, (signal) => work(machine, source, { skipShutdown, signal, services }));
      },
    });
  return [
    action('start', 'Starts a machine.', async (machine, source, { signal }) => {
      await source.start!(machine, signal);
      await setDeallocated(services, machine, false);
    }),
    action(
      'powerOff',
      'Shuts a machine down; with skipShutdown=true the power is cut.',
      async (machine, source, options) => {
        await powerOff(machine, source, options);
        await setDeallocated(services, machine, false);
      },
    ),
    action(
      'deallocate',
      'Shuts a machine down for good: it then counts as deallocated.',
      async (machine, source, options) => {
        await powerOff(machine, source, options);
        await setDeallocated(services, machine, true);
      },
    ),
    action('restart', 'Shuts a machine down and starts it.', async (machine, source, options) => {
      await powerOff(machine, source, options);
      await source.start!(machine, options.signal);
    }),
  ];
};

interface Options {
  readonly skipShutdown: boolean;
  readonly signal: AbortSignal;
  readonly services: Services;
}

/** A guest that does not shut down in time loses its power, as in Azure. */
async function powerOff(machine: MachineView, source: MachineSource, { skipShutdown, signal, services }: Options) {
  if (!skipShutdown) {
    const late = new AbortController();
    const timer = new AbortController();
    const wait = services.clock.sleep(SHUTDOWN_MS, timer.signal).then(
      () => late.abort(new CodedError('RequestTimeout', 'The guest did not shut down in time.')),
      () => {}, // it has shut down
    );
    try {
      return await source.stop!(machine, { graceful: true, signal: AbortSignal.any([signal, late.signal]) });
    } catch (error) {
      if (!late.signal.aborted && !isCoded(error, 'UserErrorVmNotInDesirableState')) throw error;
    } finally {
      timer.abort();
      await wait;
    }
  }
  await source.stop!(machine, { graceful: false, signal });
}

async function setDeallocated(services: Services, machine: MachineView, deallocated: boolean): Promise<void> {
  const known = await findRecord(services, machine);
  if ((known?.record.deallocated ?? false) === deallocated) return;
  await editRecord(services, machine, (before) => ({ ...before, record: { ...before.record, deallocated } }));
}

function requireSwitch({ hosts }: Services, machine: MachineView): MachineSource {
  const source = hosts.find(({ name, keeper }) => name === machine.host && keeper);
  if (source?.start && source.stop) return source;
  throw new CodedError(
    'OperationNotAllowed',
    `The machine '${machine.name}' is on host '${machine.host}', which neither starts nor stops machines.`,
    { target: machine.name },
  );
}

const noHibernation = ({ name }: MachineView): CodedError =>
  new CodedError('OperationNotAllowed', `The machine '${name}' cannot be hibernated here; deallocate it.`, {
    target: 'hibernate',
  });
