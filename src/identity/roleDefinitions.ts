import type { RoleDefinition } from '../arm/roleDefinition.ts';
import {
  BACKUP_CONTRIBUTOR_ACTIONS,
  BACKUP_MUA_ADMIN_ACTIONS,
  BACKUP_MUA_OPERATOR_ACTIONS,
  BACKUP_OPERATOR_ACTIONS,
  BACKUP_READER_ACTIONS,
} from './roles/backup.ts';
import {
  ROLE_BASED_ACCESS_CONTROL_ADMINISTRATOR_ACTIONS,
  STORAGE_ACCOUNT_CONTRIBUTOR_ACTIONS,
  USER_ACCESS_ADMINISTRATOR_ACTIONS,
  VIRTUAL_MACHINE_CONTRIBUTOR_ACTIONS,
} from './roles/neighbours.ts';

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
      'Microsoft.Blueprint/blueprintAssignments/write',
      'Microsoft.Blueprint/blueprintAssignments/delete',
      'Microsoft.Compute/galleries/share/action',
      'Microsoft.Purview/consents/write',
      'Microsoft.Purview/consents/delete',
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
    description: "Lets you manage backups, but can't delete vaults and give access to others.",
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
  backupMuaAdmin: {
    id: 'c2a970b4-16a7-4a51-8c84-8a8ea6ee0bb8',
    name: 'Backup MUA Admin',
    description: 'Makes and removes resource guards, and puts vaults under them.',
    actions: BACKUP_MUA_ADMIN_ACTIONS,
    notActions: [],
  },
  backupMuaOperator: {
    id: 'f54b6d04-23c6-443e-b462-9c16ab7b4a52',
    name: 'Backup MUA Operator',
    description: 'On a resource guard: may do the critical operations that it protects.',
    actions: BACKUP_MUA_OPERATOR_ACTIONS,
    notActions: [],
  },
  userAccessAdministrator: {
    id: '18d7d88d-d35e-4fb5-a5c3-7773c20a72d9',
    name: 'User Access Administrator',
    description: 'Lets you manage user access to resources.',
    actions: USER_ACCESS_ADMINISTRATOR_ACTIONS,
    notActions: [],
  },
  roleBasedAccessControlAdministrator: {
    id: 'f58310d9-a9f6-439a-9e8d-f62e7b41a168',
    name: 'Role Based Access Control Administrator',
    description: 'Manages access to resources by assigning roles, and by nothing else.',
    actions: ROLE_BASED_ACCESS_CONTROL_ADMINISTRATOR_ACTIONS,
    notActions: [],
  },
  virtualMachineContributor: {
    id: '9980e02c-c2be-4d73-94e8-173b1dc7cf3c',
    name: 'Virtual Machine Contributor',
    description: 'Manages virtual machines, but not what is in them, nor their networks and storage accounts.',
    actions: VIRTUAL_MACHINE_CONTRIBUTOR_ACTIONS,
    notActions: [],
  },
  storageAccountContributor: {
    id: '17d1049b-9a84-46fb-8f53-869881c3d3ab',
    name: 'Storage Account Contributor',
    description: 'Manages storage accounts and reads their keys, and with them all their data.',
    actions: STORAGE_ACCOUNT_CONTRIBUTOR_ACTIONS,
    notActions: [],
  },
} as const satisfies Record<string, RoleDefinition>;
