import { type TSchema, Type } from 'typebox';

/** A field that clients send back as they read it, and that means nothing in a request. */
export const IGNORED = Type.Optional(Type.Unknown());

/** A request body that is a resource: what counts are its `properties`, the rest may be there. */
export const resourceBody = <Properties extends TSchema>(properties: Properties) =>
  Type.Object(
    { properties, id: IGNORED, name: IGNORED, type: IGNORED, location: IGNORED, tags: IGNORED, eTag: IGNORED },
    { additionalProperties: false },
  );
