/** What clients need to know; client.json in the data folder. */
export interface ClientFile {
  readonly endpoint: string;
  readonly caFile: string;
  readonly tenantId: string;
  /** Empty when the development principal was removed or disabled. */
  readonly clientId: string;
  readonly clientSecret: string;
  readonly subscriptionId: string;
}
