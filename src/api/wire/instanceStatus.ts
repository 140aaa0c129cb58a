/** One thing that is known of a machine, its agent or an extension of it. */
export interface InstanceStatus {
  readonly code: string;
  readonly level: 'Info' | 'Warning' | 'Error';
  readonly displayStatus?: string | undefined;
  readonly message?: string | undefined;
  readonly time?: string | undefined;
}
