import { basename, resolve } from 'node:path';
import { type Document, parseDocument } from 'yaml';
import { CodedError } from '../lib/error.ts';
import { Fields } from './description/fields.ts';
import { isInside, mustLieIn } from './description/roots.ts';
import type { DiskFormat, NetworkCard } from './machine.ts';

/**
 * A machine as a file of a host's folder tells it, YAML or JSON:
 *
 *     name: web-1
 *     resourceGroup: shop
 *     location: westeurope
 *     osType: Linux
 *     disks:
 *       - { lun: -1, name: os, path: web-1.os.qcow2, format: qcow2 }
 *     qemu:
 *       memoryMiB: 2048
 *
 * A disk's path is relative to the file's folder. `qemu` tells how to boot it, or, with `qmpSocket`, where it runs.
 */
export interface MachineDescription {
  readonly name: string;
  readonly resourceGroup: string;
  readonly location: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly osType: 'Linux' | 'Windows';
  /** UUID; assigned and remembered by the host when absent. */
  readonly vmId?: string;
  readonly disks: readonly DiskDescription[];
  readonly qemu: QemuDescription;
}

export interface DiskDescription {
  readonly lun: number;
  readonly name: string;
  /** Absolute. */
  readonly path: string;
  /** Absent: read from the header, by our own check. */
  readonly format?: DiskFormat;
}

export interface QemuDescription {
  readonly memoryMiB: number;
  readonly cpus: number;
  readonly accelerator: 'tcg' | 'kvm';
  readonly kernel?: string;
  readonly initrd?: string;
  readonly append?: string;
  /** A firmware image instead of the built-in BIOS. */
  readonly firmware?: string;
  /** The machine is started and stopped by somebody else, its QMP listens here. */
  readonly qmpSocket?: string;
  readonly agentSocket?: string;
  /** The guest's agent runs a freeze hook that brings the applications to rest. */
  readonly freezeHook: boolean;
  /** Where overwritten blocks are kept while a snapshot is copied: best on the disks' own storage. */
  readonly scratchFolder?: string;
  readonly scratchLimitMiB?: number;
  /** Network cards of a machine that we start; none: it has no network. */
  readonly cards?: readonly NetworkCard[];
  /** Its files are a read-only volume called cidata. */
  readonly seedFolder?: string;
}

const DISK_FORMATS: readonly DiskFormat[] = ['raw', 'qcow2', 'vhd', 'vhdx', 'vmdk'];
const MAX_TEXT_CHARS = 256 * 1024;
const MAX_ALIASES = 10;
/** The VM name of Azure: it may stand in a path, so no separator and no leading period. */
const VM_NAME = /^[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,62}[A-Za-z0-9_])?$/;
const GROUP_NAME = /^[A-Za-z0-9_()-](?:[A-Za-z0-9_().-]{0,88}[A-Za-z0-9_()-])?$/;
const LOCATION = /^[a-z0-9]{1,40}$/;
const DISK_NAME = /^[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,78}[A-Za-z0-9_])?$/;
const UUID = /^[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$/;
const MAX_DISKS = 65;
const MAX_CARDS = 8;
const MAC = /^[0-9a-f]{2}(?::[0-9a-f]{2}){5}$/;
const NET = /^\d{1,3}(?:\.\d{1,3}){3}\/\d{1,2}$/;
const ADDRESS = /^\d{1,3}(?:\.\d{1,3}){3}$/;
const BRIDGE = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,14}$/;

/** Where a description may point. */
export interface DescriptionPlace {
  /** The file the text is of; paths in it are relative to its folder. */
  readonly file: string;
  readonly folder: string;
  /** Folders that disks may lie in. */
  readonly diskRoots: readonly string[];
}

/** Errors: MachineDescriptionInvalid, naming file, field, rule and legal values. */
export const parseDescription = (text: string, place: DescriptionPlace): MachineDescription => {
  const fields = new Fields(readYaml(text, place.file), basename(place.file), '');
  const description = {
    name: fields.text('name', VM_NAME, '1 to 64 letters, digits, "_", "." and "-", ending with none of "." and "-"'),
    resourceGroup: fields.text(
      'resourceGroup',
      GROUP_NAME,
      '1 to 90 letters, digits, "_", "-", "(", ")" and ".", not ending with "."',
    ),
    location: fields.text('location', LOCATION, 'an Azure region in small letters, such as westeurope'),
    tags: fields.optional('tags', () => fields.textMap('tags')) ?? {},
    osType: fields.oneOf('osType', ['Linux', 'Windows'] as const, 'Linux'),
    ...fields.optionalText('vmId', UUID, 'a UUID'),
    disks: readDisks(fields, place),
    qemu: readQemu(fields.optional('qemu', () => fields.object('qemu')) ?? fields.empty('qemu'), place),
  };
  fields.refuseUnknown();
  return description;
};

const readYaml = (text: string, file: string): unknown => {
  const invalid = (why: string) =>
    new CodedError('MachineDescriptionInvalid', `${basename(file)}: ${why}`, { target: basename(file) });
  if (text.length > MAX_TEXT_CHARS) throw invalid(`longer than ${MAX_TEXT_CHARS} characters`);
  const document: Document.Parsed = parseDocument(text, { uniqueKeys: true, prettyErrors: true, schema: 'core' });
  const error = document.errors[0];
  if (error) throw invalid(`not YAML: ${error.message.split('\n')[0]}`);
  try {
    return document.toJS({ maxAliasCount: MAX_ALIASES });
  } catch (cause) {
    throw invalid(`not YAML: ${cause instanceof Error ? cause.message : 'unreadable'}`);
  }
};

const readDisks = (fields: Fields, place: DescriptionPlace): DiskDescription[] => {
  const disks = fields.list('disks', MAX_DISKS).map((disk) => {
    const description = {
      lun: disk.integer('lun', -1, 63),
      name: disk.text('name', DISK_NAME, '1 to 80 letters, digits, "_", "." and "-"'),
      path: diskPath(disk, place),
      ...disk.optional('format', () => ({ format: disk.oneOf('format', DISK_FORMATS) })),
    };
    disk.refuseUnknown();
    return description;
  });
  for (const field of ['lun', 'name', 'path'] as const) {
    const twice = disks.find((disk, at) => disks.findIndex((other) => other[field] === disk[field]) !== at);
    if (twice)
      throw fields.invalid(`disks.${field}`, `${twice[field]} stands twice; it must be another for every disk`);
  }
  return disks.sort((a, b) => a.lun - b.lun);
};

const diskPath = (disk: Fields, place: DescriptionPlace): string => {
  const path = resolve(place.folder, disk.path('path'));
  const roots = [...new Set([place.folder, ...place.diskRoots])];
  if (roots.some((root) => isInside(root, path))) return path;
  throw disk.invalid('path', mustLieIn(roots));
};

const readQemu = (qemu: Fields, place: DescriptionPlace): QemuDescription => {
  const path = <K extends string>(field: K): { [P in K]?: string } =>
    qemu.optional(field, () => ({ [field]: resolve(place.folder, qemu.path(field)) }) as Record<K, string>) ?? {};
  const description: QemuDescription = {
    memoryMiB: qemu.optional('memoryMiB', () => qemu.integer('memoryMiB', 32, 4 * 1024 * 1024)) ?? 1024,
    cpus: qemu.optional('cpus', () => qemu.integer('cpus', 1, 255)) ?? 1,
    accelerator: qemu.oneOf('accelerator', ['tcg', 'kvm'] as const, 'tcg'),
    ...path('kernel'),
    ...path('initrd'),
    ...qemu.optionalText('append', /^[\x20-\x7e]{1,2048}$/, '1 to 2048 printable ASCII characters'),
    ...path('firmware'),
    ...path<'qmpSocket'>('qmpSocket'),
    ...path('agentSocket'),
    freezeHook: qemu.optional('freezeHook', () => qemu.flag('freezeHook')) ?? false,
    ...path('scratchFolder'),
    ...qemu.optional('scratchLimitMiB', () => ({ scratchLimitMiB: qemu.integer('scratchLimitMiB', 1, 2 ** 26) })),
    ...qemu.optional('cards', () => ({ cards: qemu.list('cards', MAX_CARDS).map(readCard) })),
    ...path('seedFolder'),
  };
  if (description.agentSocket !== undefined && description.qmpSocket === undefined)
    throw qemu.invalid('agentSocket', 'needs qmpSocket beside it');
  qemu.refuseUnknown();
  return description;
};

const readCard = (card: Fields): NetworkCard => {
  const mac = card.text('mac', MAC, 'six bytes in small hexadecimal, divided by colons');
  const bridge = card.optional('bridge', () => card.text('bridge', BRIDGE, 'the name of a bridge of this computer'));
  const network =
    bridge === undefined
      ? {
          net: card.text('net', NET, 'an IPv4 range such as 10.0.0.0/24'),
          address: card.text('address', ADDRESS, 'an IPv4 address of the range'),
        }
      : { bridge };
  card.refuseUnknown();
  return { mac, ...network };
};
