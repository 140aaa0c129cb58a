import { resourceProviders } from '../../src/api/resourceProviders.ts';
import type { Services } from '../../src/api/services.ts';
import type { RouteTable } from '../../src/arm/route.ts';

/** Every route that the server declares. */
export const TABLES: readonly RouteTable[] = resourceProviders({} as Services);
