import { type Static, type TSchema, Type } from 'typebox';
import type { ApiVersionRange } from '../arm/apiVersion.ts';
import type { NameRule } from '../arm/name.ts';
import type { ArmContext, Route } from '../arm/route.ts';
import type { ArmResource } from '../db/armResources.ts';
import type { Queries } from '../db/schema.ts';
import { IGNORED } from './body/resourceBody.ts';
import { LOCATION, TAGS } from './body/vault.ts';
import type { GroupView } from './lookups.ts';

/** A PUT as a type's own rules see it. */
export interface TrackedPut<Body> {
  /** Whole id in ARM's spelling; names as first sent. */
  readonly id: string;
  readonly name: string;
  readonly group: GroupView;
  /** As ARM spells it; absent where the type has none. */
  readonly location: string | undefined;
  readonly body: Body;
  /** What it replaces; absent: it is new. */
  readonly before: ArmResource | undefined;
  readonly context: ArmContext;
}

/** What a type stores of a request; all of it but `secret` is shown. */
export interface TrackedContent {
  readonly properties: Readonly<Record<string, unknown>>;
  /** Beside `properties`: sku, kind, identity, zones … */
  readonly other?: Readonly<Record<string, unknown>>;
  readonly secret?: Readonly<Record<string, string>>;
}

export interface TrackedType<Body extends TSchema> {
  /** 'Microsoft.Network/virtualNetworks'. */
  readonly type: string;
  /** For people, in the summaries of its routes: 'a virtual network', 'virtual networks'. */
  readonly one: string;
  readonly many: string;
  readonly apiVersions: ApiVersionRange;
  /** Of the resource's name; ARM's cautious default when absent. */
  readonly nameRule?: NameRule;
  /** Of PUT: made by `trackedBody`, or any schema that lets location and tags in. */
  readonly body: Body;
  /** 'region' (default): required, and one of the server's. 'global': always 'global'. 'none': the type has none. */
  readonly location?: 'region' | 'global' | 'none';
  /** Status of a PUT that makes one; 201 unless the type's clients take only 200. */
  readonly createdStatus?: 200 | 201;
  /** Actions are `{type}/read|write|delete`, in this spelling of the type where it differs. */
  readonly actionType?: string;
  /**
   * Checks that take time or ask about other resources (`put.context.demand`), before the transaction begins:
   * the transaction has the database to itself, so `complete` must not ask through the context.
   */
  beforePut?(put: TrackedPut<Static<Body>>): Promise<void> | void;
  /** What is stored; runs in the transaction that stores it. */
  complete(put: TrackedPut<Static<Body>>, tx: Queries): Promise<TrackedContent> | TrackedContent;
  /**
   * A PATCH is this: the stored body with the request's merged over it, given to `complete`. Absent: only tags may
   * be patched.
   */
  readonly patch?: 'properties';
  /** Runs after the row is stored: what must be true only then. */
  afterPut?(resource: ArmResource): Promise<void> | void;
  /** Refuses (in use), or removes what lies behind; before the row goes. */
  beforeDelete?(resource: ArmResource, context: ArmContext): Promise<void> | void;
  /** Default: `trackedToWire`. */
  show?(resource: ArmResource): unknown;
  /** Routes of its own besides: `path` is that of the resource, with `{name}`. */
  more?(path: string): readonly Route[];
}

/** A body of `properties` and the named fields beside them; id, name, type, location and tags are built in. */
export const trackedBody = <Fields extends Record<string, TSchema>>(fields: Fields) =>
  Type.Object(
    {
      id: IGNORED,
      name: IGNORED,
      type: IGNORED,
      etag: IGNORED,
      systemData: IGNORED,
      location: Type.Optional(LOCATION),
      tags: Type.Optional(Type.Union([TAGS, Type.Null()])),
      ...fields,
    },
    { additionalProperties: false },
  );

/** What every body of PUT has. */
export interface CommonBody {
  readonly location?: string;
  readonly tags?: Readonly<Record<string, string>> | null;
  readonly properties?: Readonly<Record<string, unknown>>;
}
