import { type ArmResult, ok } from '../../arm/respond.ts';
import { type ArmContext, defineRoutes, type Route, type RouteTable, route } from '../../arm/route.ts';
import { CodedError } from '../../lib/error.ts';
import { resourceArmId } from '../../vault/armIds.ts';
import { COMPUTE_VERSIONS } from '../apiVersions.ts';
import { sameName } from '../ids.ts';
import { requireSubscription, resourceNotFound } from '../lookups.ts';
import type { LocalImage } from '../machineKeeper.ts';
import { GROUP_PATH } from '../paths.ts';
import type { Services } from '../services.ts';

const TYPE = 'Microsoft.Compute/images';
const LOCATION = '/subscriptions/{subscriptionId}/providers/Microsoft.Compute/locations/{location}';
/** The group that the list over all groups shows the images in; every group has them. */
const ANY_GROUP = 'local-images';

/** What a machine's imageReference may say. */
export interface ImageReference {
  readonly id?: string | null;
  readonly publisher?: string | null;
  readonly offer?: string | null;
  readonly sku?: string | null;
  readonly version?: string | null;
}

/** Errors: ImageNotFound naming the images there are. */
export async function requireImage({ images }: Services, reference: ImageReference): Promise<LocalImage> {
  const all = await images.list();
  const byName = /\/providers\/Microsoft\.Compute\/images\/([^/]+)$/i.exec(reference.id ?? '')?.[1];
  const found = byName === undefined ? byUrn(all, reference) : all.find(({ name }) => sameName(name, byName));
  if (found) return found;
  const asked = reference.id ?? [reference.publisher, reference.offer, reference.sku, reference.version].join(':');
  const names = all.map((image) => `${image.name} (${urnOf(image)})`).join(', ');
  throw new CodedError(
    'ImageNotFound',
    `The image '${asked.slice(0, 256)}' is not in the image folder of this server; there ${all.length === 0 ? 'is none' : `are ${names}`}.`,
    {
      target: 'properties.storageProfile.imageReference',
      recommendations: ['Put a disk image into the folder `images` of the data folder, or name one that is there.'],
    },
  );
}

const urnOf = ({ publisher, offer, sku, version }: LocalImage): string => [publisher, offer, sku, version].join(':');

/** The folder's images, as a custom image each and as the versions of a marketplace. */
export const images = (services: Services): readonly RouteTable[] => [custom(services), marketplace(services)];

const custom = (services: Services): RouteTable =>
  defineRoutes({
    type: TYPE,
    apiVersions: COMPUTE_VERSIONS,
    routes: [
      route({
        method: 'GET',
        path: '/subscriptions/{subscriptionId}/providers/Microsoft.Compute/images',
        action: `${TYPE}/read`,
        summary: "Lists the images of the server's image folder.",
        handler: (context) => customList(services, context, ANY_GROUP),
      }),
      route({
        method: 'GET',
        path: `${GROUP_PATH}/providers/Microsoft.Compute/images`,
        action: `${TYPE}/read`,
        summary: "Lists the images of the server's image folder: every group has them.",
        handler: (context) => customList(services, context, context.params.resourceGroupName),
      }),
      route({
        method: 'GET',
        path: `${GROUP_PATH}/providers/Microsoft.Compute/images/{imageName}`,
        action: `${TYPE}/read`,
        summary: "Gets an image of the server's image folder.",
        async handler({ params }) {
          requireSubscription(services, params.subscriptionId);
          const found = (await services.images.list()).find(({ name }) => sameName(name, params.imageName));
          if (found) return ok(customToWire(services, params.resourceGroupName, found));
          throw resourceNotFound(TYPE, params.imageName, params.resourceGroupName);
        },
      }),
    ],
  });

async function customList(services: Services, context: ArmContext, group: string): Promise<ArmResult> {
  requireSubscription(services, context.params.subscriptionId ?? '');
  return context.listFrom(
    await services.images.list(),
    ({ name }) => name,
    (image) => customToWire(services, group, image),
  );
}

const customToWire = ({ config }: Services, group: string, image: LocalImage) => ({
  id: resourceArmId(config.subscriptionId, group, TYPE, image.name),
  name: image.name,
  type: TYPE,
  location: config.location,
  tags: { urn: urnOf(image) },
  properties: {
    provisioningState: 'Succeeded',
    hyperVGeneration: 'V1',
    storageProfile: {
      osDisk: {
        osType: image.osType,
        osState: 'Generalized',
        diskSizeGB: sizeGiB(image),
        storageAccountType: 'Standard_LRS',
      },
      dataDisks: [],
    },
  },
});

export const sizeGiB = ({ sizeBytes }: Pick<LocalImage, 'sizeBytes'>): number =>
  Math.max(1, Math.ceil(sizeBytes / 2 ** 30));

/** The levels of the marketplace, outermost first: what names one, and the field that it is. */
const marketplace = (services: Services): RouteTable => {
  const publishers = `${LOCATION}/publishers`;
  const offers = `${publishers}/{publisher}/artifacttypes/vmimage/offers`;
  const skus = `${offers}/{offer}/skus`;
  const versions = `${skus}/{sku}/versions`;
  return defineRoutes({
    type: 'Microsoft.Compute/locations/publishers',
    apiVersions: COMPUTE_VERSIONS,
    routes: [
      level(services, publishers, 'publisher', 'publishers of images'),
      level(services, offers, 'offer', 'offers of a publisher'),
      level(services, skus, 'sku', 'SKUs of an offer'),
      level(services, versions, 'version', 'versions of a SKU'),
      oneVersion(services, `${versions}/{version}`),
    ],
  });
};

type Field = 'publisher' | 'offer' | 'sku' | 'version';

// these lists are bare arrays on the wire
const level = (services: Services, path: string, field: Field, what: string): Route =>
  route({
    method: 'GET',
    path,
    action: 'Microsoft.Compute/locations/publishers/read',
    access: 'authenticated',
    summary: `Lists the ${what}.`,
    async handler(context) {
      requireSubscription(services, context.params.subscriptionId ?? '');
      const fits = (await services.images.list()).filter((image) => within(image, context.params));
      const names = [...new Set(fits.map((image) => image[field]))].sort(field === 'version' ? newestFirst : undefined);
      const { location } = services.config;
      return ok(names.map((name) => ({ id: `${context.path}/${name}`, name, location })));
    },
  });

const oneVersion = (services: Services, path: string): Route =>
  route({
    method: 'GET',
    path,
    action: 'Microsoft.Compute/locations/publishers/read',
    access: 'authenticated',
    summary: 'Gets a version of an image.',
    async handler(context) {
      requireSubscription(services, context.params.subscriptionId ?? '');
      const { version = '', ...rest } = context.params;
      const image = await requireImage(services, { ...rest, version });
      const osDiskImage = { operatingSystem: image.osType, sizeInGb: sizeGiB(image) };
      return ok({
        id: context.path,
        name: image.version,
        location: services.config.location,
        properties: {
          ...{ osDiskImage, dataDiskImages: [], hyperVGeneration: 'V1', architecture: 'x64', features: [] },
          automaticOSUpgradeProperties: { automaticOSUpgradeSupported: false },
        },
      });
    },
  });

function byUrn(all: readonly LocalImage[], { publisher, offer, sku, version }: ImageReference): LocalImage | undefined {
  const fits = all.filter((image) => within(image, { publisher: publisher ?? '', offer: offer ?? '', sku: sku ?? '' }));
  const newest = [...fits].sort((a, b) => newestFirst(a.version, b.version))[0];
  return version?.toLowerCase() === 'latest' ? newest : fits.find((image) => image.version === version);
}

const within = (image: LocalImage, where: Readonly<Record<string, string>>): boolean =>
  (['publisher', 'offer', 'sku'] as const).every((field) => {
    const wanted = where[field];
    return wanted === undefined || sameName(wanted, image[field]);
  });

function newestFirst(a: string, b: string): number {
  const [left, right] = [a, b].map((version) => version.split('.').map(Number));
  for (let at = 0; at < 3; at++) if (left![at] !== right![at]) return right![at]! - left![at]!;
  return 0;
}
