import type { Access } from '../../arm/access.ts';

const none = async (): Promise<never> => {
  throw new Error('this test has no directory');
};

/** No roles and nobody in the directory, for servers whose tests are about something else. */
export const testAccess: Access = {
  builtInRoles: [],
  rolesAt: async () => [],
  directory: {
    list: async () => [],
    find: async () => undefined,
    findByName: async () => undefined,
    create: none,
    change: none,
    resetSecret: none,
    setPassword: none,
    addCertificate: none,
    removeCredential: none,
    remove: none,
  },
};
