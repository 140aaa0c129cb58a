import type { RoleDefinition } from '../arm/roleDefinition.ts';

/** A role given to a principal at a scope and below it. */
export interface RoleAssignment {
  /** UUID, unique. */
  readonly id: string;
  readonly principalId: string;
  /** UUID of the role definition. */
  readonly roleId: string;
  /** '/', '/subscriptions/…', a resource group or a resource; compared without case. */
  readonly scope: string;
}

/** The database room keeps them; MemoryRoleAssignments is for tests. */
export interface RoleAssignmentStore {
  forPrincipal(principalId: string): Promise<readonly RoleAssignment[]>;
  /** `id` in lower case. */
  customRole(id: string): Promise<RoleDefinition | undefined>;
  /** Creates or replaces by id. */
  save(assignment: RoleAssignment): Promise<void>;
}

export class MemoryRoleAssignments implements RoleAssignmentStore {
  #assignments: readonly RoleAssignment[];

  constructor(assignments: readonly RoleAssignment[] = []) {
    this.#assignments = assignments;
  }

  async forPrincipal(principalId: string): Promise<readonly RoleAssignment[]> {
    return this.#assignments.filter((assignment) => assignment.principalId === principalId);
  }

  async customRole(): Promise<undefined> {}

  async save(assignment: RoleAssignment): Promise<void> {
    this.#assignments = [...this.#assignments.filter((other) => other.id !== assignment.id), assignment];
  }
}
