/* Pieces of each product that open orders have reserved */
MODEL (
  name live.reserved_stock,
  kind VIEW,
  cron '@hourly',
  grain product_id,
  owner warehouse,
  tags ('dagster:group_name:live'),
  audits (
    assert_at_least(column := pieces, minimum := 1)
  )
);

SELECT
  i.product_id::INT, -- The product's number
  SUM(i.quantity)::BIGINT AS pieces -- Reserved pieces
FROM live.open_orders AS o
JOIN staging.order_items AS i
  ON i.order_id = o.order_id
GROUP BY
  i.product_id
