import { BACKUP_CONTRIBUTOR_ACTIONS, BACKUP_OPERATOR_ACTIONS, BACKUP_READER_ACTIONS } from './roles/backup.ts';

/** An Azure role definition: what it grants less what it holds back. `notActions` is no denial: another role may grant it. */
export interface RoleDefinition {
  /** UUID, Azure's own for the built-in roles. */
  readonly id: string;
  readonly name: string;
  readonly description: string;
  readonly actions: readonly string[];
  readonly notActions: readonly string[];
}

/** The built-in roles a vault needs, under Azure's ids. */
export const BUILT_IN_ROLES = {
  owner: {
    id: '8e3af657-a8ff-443c-a75c-2fe8c4bcb635',
    name: 'Owner',
    description: 'Grants full access to manage all resources, including the ability to assign roles.',
    actions: ['*'],
    notActions: [],
  },
  contributor: {
    id: 'b24988ac-6180-42a0-ab88-20f7382dd24c',
    name: 'Contributor',
    description: 'Grants full access to manage all resources, but does not allow to assign roles.',
    actions: ['*'],
    notActions: [
      'Microsoft.Authorization/*/Delete',
      'Microsoft.Authorization/*/Write',
      'Microsoft.Authorization/elevateAccess/Action',
    ],
  },
  reader: {
    id: 'acdd72a7-3385-48ef-bd42-f606fba81ae7',
    name: 'Reader',
    description: 'Views all resources, but does not allow to make any changes.',
    actions: ['*/read'],
    notActions: [],
  },
  backupContributor: {
    id: '5e467623-bb1f-42f4-a55d-6e525e11384b',
    name: 'Backup Contributor',
    description: "Lets you manage backup service, but can't create vaults and give access to others.",
    actions: BACKUP_CONTRIBUTOR_ACTIONS,
    notActions: [],
  },
  backupOperator: {
    id: '00c29273-979b-4161-815c-10b084fb9324',
    name: 'Backup Operator',
    description:
      'Lets you manage backup services, except removal of backup, vault creation and giving access to others.',
    actions: BACKUP_OPERATOR_ACTIONS,
    notActions: [],
  },
  backupReader: {
    id: 'a795c7a0-d4a2-40c1-ae25-d81f01202912',
    name: 'Backup Reader',
    description: "Can view backup services, but can't make changes.",
    actions: BACKUP_READER_ACTIONS,
    notActions: [],
  },
} as const satisfies Record<string, RoleDefinition>;
