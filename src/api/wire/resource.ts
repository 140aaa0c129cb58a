/** ISO 8601 in UTC, as `2026-01-05T08:00:00Z`. */
export type IsoTime = string;

/** ISO 8601 duration, as `PT10.5S`, or .NET's `00:20:23.0812345`; a reader takes both. */
export type IsoDuration = string;

/**
 * What every ARM resource shows. On the wire an absent field and `undefined` are the same,
 * so optional fields of these types take both.
 */
export interface Resource<Type extends string, Properties> {
  readonly id: string;
  readonly name: string;
  readonly type: Type;
  readonly properties: Properties;
}

export interface TrackedResource<Type extends string, Properties> extends Resource<Type, Properties> {
  readonly location: string;
  readonly tags?: Tags | undefined;
  readonly etag?: string | undefined;
}

export type Tags = Readonly<Record<string, string>>;
