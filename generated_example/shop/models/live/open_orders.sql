/* Orders that the warehouse has yet to pack */
MODEL (
  name live.open_orders,
  kind FULL,
  cron '*/5 * * * *',
  grain order_id,
  owner warehouse,
  tags ('dagster:group_name:live'),
  audits (
    accepted_values(column := status, is_in := ('open', 'paid'))
  )
);

SELECT
  order_id::INT, -- The order's number
  customer_id::INT, -- Who ordered
  ordered_at::TIMESTAMP, -- When the order came in, in UTC
  status::TEXT -- open, or paid once the money is there
FROM staging.orders
WHERE
  status IN ('open', 'paid')
