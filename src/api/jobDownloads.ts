import { Readable } from 'node:stream';
import type { FastifyPluginAsync } from 'fastify';
import { type JobExport, takeJobExport } from '../db/jobExports.ts';
import { allJobs } from '../db/jobList.ts';
import { CodedError } from '../lib/error.ts';
import { exportKeyHash } from './backupJobsExport.ts';
import type { Services } from './services.ts';
import { jobToWire } from './toWire/job.ts';

const COLUMNS = [
  'name',
  'operation',
  'status',
  'entityFriendlyName',
  'startTime',
  'endTime',
  'duration',
  'isUserTriggered',
  'errorTitle',
  'errorString',
] as const;

/**
 * The file of an export: the key in the URL opens it, once, and needs no token. Read page by page while it is sent, so
 * that its size costs no memory.
 */
export const jobDownloads =
  (services: Services): FastifyPluginAsync =>
  async (app) => {
    app.get('/jobExports/:id/:file', async (request, reply) => {
      const { id } = request.params as { id: string };
      const { sig } = request.query as { sig?: string };
      const { db, clock } = services;
      const taken = sig ? await takeJobExport(db.queries, id, exportKeyHash(sig), clock.now()) : undefined;
      if (!taken)
        throw new CodedError(
          'NotFound',
          'There is no download here: it was taken, its time is over, or its key is wrong.',
          {
            recommendations: ['Ask for its result again: each answer has a new key.'],
          },
        );
      const type = taken.format === 'csv' ? 'text/csv' : 'application/json';
      return reply
        .type(`${type}; charset=utf-8`)
        .header('content-disposition', `attachment; filename="jobs.${taken.format}"`)
        .send(Readable.from(taken.format === 'csv' ? csv(services, taken) : json(services, taken)));
    });
  };

async function* json(services: Services, made: JobExport): AsyncGenerator<string> {
  let before = '[';
  for await (const job of allJobs(services.db.queries, made.filter)) {
    const shown = jobToWire(made.vaultArmId, job, { extended: true, now: services.clock.now() });
    yield `${before}\n${JSON.stringify(shown)}`;
    before = ',';
  }
  yield before === '[' ? '[]\n' : '\n]\n';
}

async function* csv(services: Services, made: JobExport): AsyncGenerator<string> {
  yield `${COLUMNS.join(',')}\r\n`;
  for await (const job of allJobs(services.db.queries, made.filter)) {
    const { name, properties } = jobToWire(made.vaultArmId, job, { extended: false, now: services.clock.now() });
    const { errorTitle = '', errorString = '' } = properties.errorDetails?.[0] ?? {};
    const row: Record<string, unknown> = { ...properties, name, errorTitle, errorString };
    yield `${COLUMNS.map((column) => cell(row[column])).join(',')}\r\n`;
  }
}

/** Quoted; what a spreadsheet would take for a formula is made text. */
function cell(value: unknown): string {
  const text = value === undefined ? '' : String(value);
  return `"${(/^[=+\-@\t\r]/.test(text) ? `'${text}` : text).replaceAll('"', '""')}"`;
}
