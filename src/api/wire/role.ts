/** Microsoft.Authorization/roleDefinitions. */
export interface RoleDefinitionResource {
  readonly id: string;
  readonly name: string;
  readonly type: string;
  readonly properties: {
    readonly roleName: string;
    /** 'BuiltInRole' or 'CustomRole'. */
    readonly type: string;
    readonly description: string;
    readonly assignableScopes: readonly string[];
    readonly permissions: readonly RolePermission[];
    readonly createdOn: string | null;
    readonly updatedOn: string | null;
    readonly createdBy: string | null;
    readonly updatedBy: string | null;
  };
}

export interface RolePermission {
  readonly actions: readonly string[];
  readonly notActions: readonly string[];
  /** Always empty here, as are the exceptions to them. */
  readonly dataActions: readonly string[];
  readonly notDataActions: readonly string[];
}

/** Microsoft.Authorization/roleAssignments. */
export interface RoleAssignmentResource {
  readonly id: string;
  readonly name: string;
  readonly type: string;
  readonly properties: {
    readonly roleDefinitionId: string;
    readonly principalId: string;
    readonly principalType: string;
    readonly scope: string;
    readonly condition: null;
    readonly conditionVersion: null;
    readonly createdOn: string;
    readonly updatedOn: string;
    readonly createdBy: string | null;
    readonly updatedBy: string | null;
    readonly delegatedManagedIdentityResourceId: null;
    readonly description: string | null;
  };
}
